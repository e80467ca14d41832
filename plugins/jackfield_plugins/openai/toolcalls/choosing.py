"""Which format a model calls tools in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

from jackfield_plugins.generation.language import Language
from jackfield_plugins.openai.toolcalls.hermes import Hermes
from jackfield_plugins.openai.toolcalls.llama3 import Llama3
from jackfield_plugins.openai.toolcalls.mistral import Mistral
from jackfield_plugins.openai.toolcalls.parser import CallParser

Choice = Literal["auto", "hermes", "llama3", "mistral", "none"]
MakeParser = Callable[[frozenset[str]], CallParser]

_SIGNS: Mapping[str, tuple[str, ...]] = {  # what a template has that tells the model to use a format
    "hermes": ("<tool_call>",),
    "mistral": ("[TOOL_CALLS]",),
    "llama3": ("<|python_tag|>", '"parameters":', "'parameters':"),
}


def parser_for(choice: Choice, language: Language) -> MakeParser | None:
    """What makes the parsers for `language`; None if calls stay text. `auto` looks at the model's template."""
    name: str | None = choice
    if choice == "auto":
        templates = "\n".join(language.template.sources.values())
        name = next((name for name, signs in _SIGNS.items() if any(sign in templates for sign in signs)), None)
    if name == "hermes":
        return Hermes
    if name == "llama3":
        return Llama3
    if name == "mistral":
        return partial(Mistral, tokenizer=language.tokenizer)
    return None
