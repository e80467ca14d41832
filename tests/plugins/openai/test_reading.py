from __future__ import annotations

import msgspec
import pytest

from jackfield_plugins.openai.fault import Fault
from jackfield_plugins.openai.reading import decoded
from jackfield_plugins.openai.schema import ChatBody, StreamOptions

CHAT = msgspec.json.Decoder(ChatBody)


@pytest.mark.parametrize(
    ("body", "says", "param"),
    [
        (b"{}", "the request must have 'model'", "model"),
        (b"[1]", "the request: expected 'object', got 'array', got [1]", None),
        (b'{"model":1}', "'model': expected 'str', got 'int', got 1", "model"),
        (b'{"model":"m","messages":[{"role":3}]}', "'messages[0].role': expected 'str', got 'int', got 3", "messages"),
        (
            b'{"model":"m","messages":[],"logit_bias":{"5":"y"}}',
            "'logit_bias[...]': expected 'float', got 'str'",
            "logit_bias",
        ),
        (b'{"model":"m","messages":[],"n":[', "'n': expected 'int | null', got 'array'", "n"),
        (b'{"a":' * 10_000, "the request is nested too deeply", None),
        (b'{"model":"\xff"}', "the request is not valid JSON: it has text that is not UTF-8", None),
        (b"", "the request is not valid JSON: Input data was truncated", None),
    ],
)
def test_what_is_wrong(body: bytes, says: str, param: str | None) -> None:
    with pytest.raises(Fault) as raised:
        decoded(body, CHAT)
    assert (str(raised.value), raised.value.param) == (says, param)


def test_a_field_is_named_by_who_reads_it() -> None:
    with pytest.raises(Fault, match=r"'stream_options.include_usage': expected 'bool | null', got 'int', got 3"):
        decoded(b'{"include_usage":3}', msgspec.json.Decoder(StreamOptions), "stream_options")


def test_what_was_given_is_cut_and_escaped() -> None:
    with pytest.raises(Fault) as raised:
        decoded(b'{"model":["' + "\\n\x7fé".encode() * 100 + b'"]}', CHAT)
    assert len(str(raised.value)) < 200
    assert str(raised.value).isprintable()
