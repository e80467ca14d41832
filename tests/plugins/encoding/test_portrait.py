"""A model that embeds is the same to endpoints of another process."""

from __future__ import annotations

import msgspec
import pytest

from jackfield.errors import TooLarge
from jackfield_plugins.encoding.portrait import likeness, portrait
from jackfield_plugins.encoding.text_encoder import TextEncoder
from jackfield_plugins.generation.text.tokenizer import TextTokenizer
from tests.plugins.encoding import folders


def test_what_is_seen_is_what_was_portrayed() -> None:
    encoder = TextEncoder(TextTokenizer(folders.tokenizer(), folders.VOCABULARY, 64, 3), 8, 48, True)
    where, data = portrait(encoder)
    assert where == "jackfield_plugins.encoding.portrait:likeness"
    seen = likeness(msgspec.msgpack.decode(msgspec.msgpack.encode(data)))
    about = seen.about
    assert isinstance(about, TextEncoder)
    texts = ["ab", "", "abcdefghijk"]
    assert about.tokens(texts) == encoder.tokens(texts)
    assert (about.limit, about.dimensions, about.truncate) == (8, 48, True)
    assert about.tokenizer.largest == encoder.tokenizer.largest
    with pytest.raises(TooLarge):
        about.tokenizer.encode("a" * 10**6)
