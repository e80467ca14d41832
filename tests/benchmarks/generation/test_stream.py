from __future__ import annotations

import json

import pytest
from benchmarks.generation.stream import Received, stream

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
TEXTS = ["The", " day", "", " is"]


def event(content: object) -> bytes:
    return b"data: " + json.dumps(content).encode() + b"\n\n"


EVENTS = [event({"choices": [{"text": text}]}) for text in TEXTS]
EVENTS.append(event({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 4}}) + b"data: [DONE]\n\n")


def answer(chunked: bool) -> bytes:
    if not chunked:
        return HEAD + b"\r\n" + b"".join(EVENTS)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in EVENTS)
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_each_text_has_the_moment_at_which_its_event_was_whole(chunked: bool, size: int) -> None:
    whole = answer(chunked)
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    moments = [100.0 + number for number in range(len(pieces))]
    found = stream(Received(3, 99.0, pieces, moments, True))
    assert (found.number, found.text, found.prompt, found.tokens) == (3, "The day is", 5, 4)
    assert found.problem is None
    ends = [
        whole.index(one) + len(one) + (2 if chunked else -1) for one, text in zip(EVENTS, TEXTS, strict=False) if text
    ]
    assert found.moments == [100.0 + (end - 1) // size for end in ends]
    assert found.first == found.moments[0] - 99.0
    assert found.gaps == [b - a for a, b in zip(found.moments, found.moments[1:], strict=False)]


def test_what_is_cut_off_has_the_texts_that_came() -> None:
    half = answer(True)[: answer(True).index(b" is") + 5]
    found = stream(Received(0, 0.0, [half], [1.0]))
    assert (found.text, found.tokens, found.problem) == ("The day", 0, None)


@pytest.mark.parametrize(
    ("whole", "problem"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\nno such model", "HTTP/1.1 400 Bad Request: no such model"),
        (HEAD + b"\r\n" + event({"error": {"message": "out of blocks"}}), "{'message': 'out of blocks'}"),
        (HEAD + b"\r\ndata: [DONE]\n\n", "no text came"),
    ],
)
def test_says_what_is_wrong(whole: bytes, problem: str) -> None:
    assert stream(Received(0, 0.0, [whole], [1.0], True)).problem == problem
