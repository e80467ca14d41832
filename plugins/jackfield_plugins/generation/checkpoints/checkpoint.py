"""What a loader makes of a checkpoint of a decoder: the content of an artifact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jackfield_plugins.generation.spec import DecoderSpec
from jackfield_plugins.generation.text.tokenizer import TextTokenizer

KIND = "decoder"
"""Of artifacts that hold a Checkpoint."""
FOLDER_KIND = "transformers-decoder"
"""Of artifacts that hold a FolderCheckpoint."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """How the checkpoint wants to be sampled where a request does not say. None: it does not say either.

    `stop`: the tokens that end a text. `sample`: false asks for the likeliest token each time.
    """

    stop: tuple[int, ...] = ()
    sample: bool | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None


@dataclass(frozen=True, slots=True)
class Templates:
    """The chat templates as texts, by name (`default`, `tool_use`), and the texts of special tokens that they may use
    (`bos_token`, `eos_token`)."""

    by_name: Mapping[str, str] = field(default_factory=dict)
    tokens: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCheckpoint:
    """What every decoder comes with: its tokenizer, its chat templates, and how it wants to be sampled.

    `seconds`: how long each phase of loading took, by its name, in order. Immutable, thread-safe.
    """

    tokenizer: TextTokenizer
    templates: Templates
    defaults: Defaults
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checkpoint(TextCheckpoint):
    """A decoder of an architecture that is known here."""

    spec: DecoderSpec


@dataclass(frozen=True, slots=True)
class FolderCheckpoint(TextCheckpoint):
    """A decoder that transformers opens from `folder`: `vocabulary` logits of a row, at most `context` positions."""

    folder: Path
    vocabulary: int
    context: int
