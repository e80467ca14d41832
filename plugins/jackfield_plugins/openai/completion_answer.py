"""The answer to a completion, whole or in chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from jackfield import Response
from jackfield_plugins.generation.answer import Piece
from jackfield_plugins.openai.call import Call
from jackfield_plugins.openai.chunks import Frame
from jackfield_plugins.openai.logprobs import Legacy
from jackfield_plugins.openai.models import Speaker
from jackfield_plugins.openai.schema import CompletionBody
from jackfield_plugins.openai.usage import usage_of

if TYPE_CHECKING:
    from jackfield_plugins.openai.completions import Prompt

_TEXT = b'"text":'
_GOES_ON = b',"logprobs":null,"finish_reason":null}'


@dataclass(slots=True)
class Wanted:
    """What an answer depends on. `n`: choices of each prompt."""

    call: Call
    speaker: Speaker
    body: CompletionBody
    prompts: Sequence[Prompt]
    n: int

    @property
    def head(self) -> dict[str, Any]:
        """What every answer and every chunk begins with."""
        return {
            "id": f"cmpl-{self.call.unique}",
            "object": "text_completion",
            "created": self.call.created,
            "model": self.body.model,
        }

    def legacy(self) -> Legacy:
        """For one choice's log-probabilities."""
        return Legacy(self.speaker.language.tokenizer, self.speaker.texts)


def completion(wanted: Wanted, responses: Sequence[Response]) -> bytes:
    """The answer that `responses` to the prompts make."""
    choices: list[dict[str, Any]] = []
    for number, response in enumerate(responses):
        for piece in response.parameters["pieces"]:
            legacy = wanted.legacy()
            before, prompt = _echo(wanted, number, legacy, response.parameters.get("prompt_likelihoods"))
            choice = _choice(number * wanted.n + piece.index, before + piece.text, piece)
            choice["logprobs"] = _joined(prompt, legacy.of(piece))
            choices.append(choice)
    usage = usage_of(response.parameters["usage"] for response in responses)
    return orjson.dumps({**wanted.head, "choices": choices, "usage": usage})


class CompletionChunks:
    """The chunks of one answer. See `Chunks`."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._frame = Frame(wanted.head, wanted.body, sum(len(one.tokens) for one in wanted.prompts))
        self._plain = wanted.body.logprobs is None
        self._echo = bool(wanted.body.echo)
        self._legacy: dict[int, Legacy] = {}

    def of(self, number: int, responses: Sequence[Response]) -> bytes:
        """See `Chunks`."""
        found: list[bytes] = []
        frame, first = self._frame, number * self._wanted.n
        for response in responses:
            if self._echo and first not in self._legacy:
                found += self._echoed(number, response)
            for piece in response.parameters["pieces"]:
                frame.count(number, len(piece.tokens))
                index = first + piece.index
                if self._plain and not piece.finish:
                    found.append(frame.start(index, _TEXT) + orjson.dumps(piece.text) + _GOES_ON + frame.end())
                    continue
                choice = _choice(index, piece.text, piece)
                choice["logprobs"] = None if self._plain else self._of(index).of(piece)
                found.append(frame.chunk(choice))
            if response.final:
                frame.used(response.parameters["usage"])
        return b"".join(found)

    def end(self) -> bytes:
        """See `Chunks`."""
        return self._frame.last()

    def _of(self, index: int) -> Legacy:
        found = self._legacy.get(index)
        if found is None:
            found = self._legacy[index] = self._wanted.legacy()
        return found

    def _echoed(self, number: int, response: Response) -> list[bytes]:
        """The prompt, as the first chunk of each of its choices."""
        found = []
        for index in range(number * self._wanted.n, (number + 1) * self._wanted.n):
            likelihoods = response.parameters.get("prompt_likelihoods")
            before, prompt = _echo(self._wanted, number, self._of(index), likelihoods)
            choice = {"index": index, "text": before, "logprobs": prompt, "finish_reason": None}
            found.append(self._frame.chunk(choice))
        return found


def _choice(index: int, text: str, piece: Piece) -> dict[str, Any]:
    return {
        "index": index,
        "text": text,
        "logprobs": None,
        "finish_reason": piece.finish or None,
        "stop_reason": piece.stop,
    }


def _echo(wanted: Wanted, number: int, legacy: Legacy, likelihoods: Any) -> tuple[str, dict[str, Any] | None]:
    """What stands before an answer to prompt `number`, and its log-probabilities."""
    if not wanted.body.echo:
        return "", None
    prompt = wanted.prompts[number]
    if likelihoods is None:
        legacy.skip(prompt.text)
        return prompt.text, None
    return prompt.text, legacy.of_prompt(prompt.tokens.tolist(), likelihoods, prompt.text)


def _joined(first: dict[str, Any] | None, second: dict[str, Any] | None) -> dict[str, Any] | None:
    if first is None or second is None:
        return second if first is None else first
    return {name: first[name] + second[name] for name in first}
