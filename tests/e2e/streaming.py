"""Streams of text over a socket, and a model that makes them."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any

from tests.e2e.launch import Live
from tests.e2e.sockets import Raw, head
from tests.plugins.generation import tiny


class Streaming:
    """An answer in events, of which the first has come."""

    def __init__(self, live: Live, path: str, **parameters: Any) -> None:
        body = json.dumps({"temperature": 0, "ignore_eos": True, "model": "m", **parameters}).encode()
        self._raw = Raw(live).send(head("POST", path, ("Content-Length", len(body))), body)
        self._response = http.client.HTTPResponse(self._raw.socket, method="POST")
        self._response.begin()
        assert self._response.status == 200, self._response.read()
        self.events = [self._response.readline()]
        assert self.events[0].startswith(b"data: ")

    def rest(self) -> list[Any]:
        """All events, decoded; raises if the answer was cut off."""
        while line := self._response.readline():
            self.events.append(line)
        self._raw.close()
        texts = [line.removeprefix(b"data: ").strip() for line in self.events if line.strip()]
        return [text.decode() if text == b"[DONE]" else json.loads(text) for text in texts]


def text_of(events: list[Any]) -> str:
    """What the events of either protocol say; all of them must be good."""
    told = [one for one in events if one != "[DONE]"]
    return "".join(one["text_output"] if "text_output" in one else one["choices"][0]["text"] for one in told)


def wide_context(folder: Path) -> dict[str, Any]:
    """A tiny Llama with a long context, written to `folder`: a section of the configuration."""
    folder.mkdir(exist_ok=True)
    tiny.save("llama-tied", folder)
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "max_position_embeddings": 32768}))
    return {"source": str(folder), "backend": {"name": "torch-decoder", "kv_cache_mib": 256}}
