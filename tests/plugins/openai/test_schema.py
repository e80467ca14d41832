from __future__ import annotations

import msgspec
import pytest

from jackfield_plugins.openai.schema import ABSENT, ChatBody, CompletionBody, given


def test_unknown_fields_are_stepped_over_and_null_is_nothing() -> None:
    body = msgspec.json.decode(
        b'{"model":"m","prompt":"x","metadata":{"a":[1]},"store":true,"n":null,"stop":null}', type=CompletionBody
    )
    assert (body.model, bytes(body.prompt), body.n, body.stop) == ("m", b'"x"', None, None)


def test_given() -> None:
    assert not given(ABSENT)
    assert not given(msgspec.Raw(b"null"))
    assert given(msgspec.Raw(b"[]"))


def test_lists_are_bounded() -> None:
    with pytest.raises(msgspec.ValidationError, match="length <= 16"):
        msgspec.json.decode(b'{"model":"m","messages":[],"stop":[' + b",".join([b'"x"'] * 17) + b"]}", type=ChatBody)
