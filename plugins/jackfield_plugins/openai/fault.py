"""What is wrong with a request, with what clients of this protocol are told beside the sentence."""

from __future__ import annotations

from jackfield.errors import InvalidRequest, NotFound

CONTEXT = "context_length_exceeded"
"""The code by which clients know that a prompt is too long."""


class Fault(InvalidRequest):
    """A field of the request is wrong. `param`: which; `code`: one that programs know, or None. Answered with 400."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


class UnknownModel(NotFound):
    """There is no model of this name. Answered with 404 and the code that clients look for."""


def too_long(tokens: int, answer: int, context: int, model: str, param: str) -> Fault:
    """That `tokens` of prompt and `answer` of answer do not fit into the context of `model`."""
    asked = f", and {answer} are asked for the answer" if answer > 1 else ", and an answer needs one more"
    return Fault(
        f"the context of model '{model}' is {context} tokens: the prompt has {tokens}{asked if answer else ''}",
        param,
        CONTEXT,
    )
