"""Talking to a server byte by byte, for what no client library would send."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from http.client import HTTPResponse
from types import TracebackType
from typing import Any, Self

from tests.e2e.launch import Answer, Live

PATIENCE = 60.0


class Raw:
    """One connection."""

    def __init__(self, live: Live, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", live.port))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, *parts: bytes) -> Self:
        """Send `parts`; a server that has closed its side already is told by what it answered, not by an error."""
        try:
            for part in parts:
                self.socket.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def answer(self, method: str = "POST") -> Answer:
        """The next answer on this connection."""
        response = HTTPResponse(self.socket, method=method)
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read())

    def answers(self, count: int) -> list[Answer]:
        """The next `count` answers, which may have come in one piece."""
        reader = self.socket.makefile("rb")
        found = []
        for _ in range(count):
            status = int(reader.readline().split()[1])
            headers = {}
            while line := reader.readline().strip():
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            found.append(Answer(status, headers, reader.read(int(headers["content-length"]))))
        return found

    @property
    def is_closed(self) -> bool:
        """Whether the server has closed the connection; what it may have sent before is read and dropped."""
        try:
            while self.socket.recv(1 << 16):
                pass
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        return True

    def close(self) -> None:
        """Leave without a word."""
        self.socket.close()


def head(method: str, path: str, *headers: tuple[str, object]) -> bytes:
    """The head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def post(model: str, body: bytes, *headers: tuple[str, object]) -> bytes:
    """A whole inference request."""
    return head("POST", f"/v2/models/{model}/infer", ("Content-Length", len(body)), *headers) + body


def rows(*firsts: float) -> bytes:
    """The body of a request for a row [first, 1, 2, 3] each."""
    return json.dumps(content(*firsts)).encode()


def content(*firsts: float) -> Mapping[str, Any]:
    """As `rows`, before it is JSON."""
    data = [value for first in firsts for value in (first, 1, 2, 3)]
    return {"inputs": [{"name": "x", "shape": [len(firsts), 4], "datatype": "FP32", "data": data}]}


def doubled(*firsts: float) -> Sequence[float]:
    """The data of the right answer to `rows`."""
    return [value for first in firsts for value in (2 * first, 2.0, 4.0, 6.0)]
