"""What endpoints know of a model that generates text: `Version.about` is one of these."""

from __future__ import annotations

from dataclasses import dataclass

from jackfield_plugins.generation.checkpoints.checkpoint import Defaults
from jackfield_plugins.generation.parameters import Parameters
from jackfield_plugins.generation.text.chat_template import ChatTemplate
from jackfield_plugins.generation.text.tokenizer import TextTokenizer


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """`context`: most tokens of prompt and answer together. `ends`: the tokens with which the model ends an answer.
    `defaults`: what holds where a request says nothing. Thread-safe; tokenizer and template are not for the event
    loop."""

    tokenizer: TextTokenizer
    template: ChatTemplate
    context: int
    ends: tuple[int, ...]
    defaults: Parameters

    def close(self) -> None:
        """End the template's processes."""
        self.template.close()


def default_parameters(defaults: Defaults) -> Parameters:
    """How the checkpoint wants to be sampled, over what holds for all. One that says it is not to be sampled gets the
    likeliest token each time."""
    names = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")
    given = {name: value for name in names if (value := getattr(defaults, name)) is not None}
    if defaults.sample is False:
        given["temperature"] = 0.0
    return Parameters(**given)
