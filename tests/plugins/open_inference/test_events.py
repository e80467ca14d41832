from __future__ import annotations

from typing import Any

from jackfield_plugins.open_inference.events import Events
from tests.plugins.open_inference.calling import run


def test_the_head_goes_out_with_the_first_event() -> None:
    async def sent() -> list[Any]:
        messages: list[Any] = []

        async def send(message: Any) -> None:
            messages.append(message)

        events = Events(send, [(b"x-request-id", b"r")])
        before = (events.begun, list(messages))
        await events.tell([b'{"a":1}', b'{"b":2}'])
        assert (before, events.begun) == ((False, []), True)
        await events.tell([b"{}"])
        await events.end()
        return messages

    head, first, second, last = run(sent())
    assert head["status"] == 200
    assert (b"content-type", b"text/event-stream; charset=utf-8") in head["headers"]
    assert (b"x-request-id", b"r") in head["headers"]
    assert (first["body"], first["more_body"]) == (b'data: {"a":1}\n\ndata: {"b":2}\n\n', True)
    assert (second["body"], second["more_body"]) == (b"data: {}\n\n", True)
    assert (last["body"], last["more_body"]) == (b"", False)
