"""What the checkpoint of an encoder comes to: the content of an artifact of the kind `encoder`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jackfield_plugins.encoding.sentences import Sentences
from jackfield_plugins.encoding.spec import EncoderSpec
from jackfield_plugins.generation.text.tokenizer import TextTokenizer

KIND = "encoder"


@dataclass(frozen=True, slots=True, eq=False)
class EncoderCheckpoint:
    """An encoder, its tokenizer, and how the folder wants texts to be embedded. Immutable, thread-safe.

    `seconds`: how long each phase of loading took, by its name, in order.
    """

    spec: EncoderSpec
    tokenizer: TextTokenizer
    sentences: Sentences
    seconds: Mapping[str, float] = field(default_factory=dict)
