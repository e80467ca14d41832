from __future__ import annotations

from typing import Any

from jackfield_plugins.openai.events import Events
from tests.core.lifecycle.fakes import in_loop


@in_loop
async def test_the_status_goes_out_with_the_first_event() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    events = Events(send, [(b"x-request-id", b"7")])
    assert not events.begun
    await events.write(b"data: 1\n\n")
    await events.write(b"data: 2\n\n")
    await events.end(b"data: [DONE]\n\n")
    start, *bodies = sent
    headers = dict(start["headers"])
    assert headers[b"content-type"].startswith(b"text/event-stream")
    assert (headers[b"cache-control"], headers[b"x-accel-buffering"]) == (b"no-cache", b"no")
    assert headers[b"x-request-id"] == b"7"
    assert [body["body"] for body in bodies] == [b"data: 1\n\n", b"data: 2\n\n", b"data: [DONE]\n\n", b""]
    assert [body.get("more_body", False) for body in bodies] == [True, True, True, False]
