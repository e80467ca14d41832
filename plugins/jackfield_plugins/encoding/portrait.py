"""A model that embeds texts, as seen from another process than its executor's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jackfield.hosting import Likeness
from jackfield_plugins.encoding.text_encoder import TextEncoder
from jackfield_plugins.generation.text.tokenizer import TextTokenizer

WHERE = f"{__name__}:likeness"


def portrait(encoder: TextEncoder) -> tuple[str, Any]:
    """`encoder` as plain data, and what makes it out of that."""
    tokenizer = encoder.tokenizer
    data = {
        "tokenizer": tokenizer.json(),
        "vocabulary": tokenizer.vocabulary,
        "context": tokenizer.context,
        "slack": tokenizer.slack,
        "limit": encoder.limit,
        "dimensions": encoder.dimensions,
        "truncate": encoder.truncate,
    }
    return WHERE, data


def likeness(data: Mapping[str, Any]) -> Likeness:
    """Out of what `portrait` gave."""
    from tokenizers import Tokenizer

    own = TextTokenizer(Tokenizer.from_str(data["tokenizer"]), data["vocabulary"], data["context"], data["slack"])
    return Likeness(TextEncoder(own, data["limit"], data["dimensions"], data["truncate"]))
