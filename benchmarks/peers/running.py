"""A peer as it runs: started, asked until it gives the first right answer, ended with all its processes."""

from __future__ import annotations

import http.client
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.peers.encodings import Encoding
from benchmarks.peers.peer import Peer, Place
from benchmarks.peers.subjects import Subject
from benchmarks.process import free_port, process

_PATIENCE = 120.0
_TOLERANCE = 1e-4  # batched kernels round otherwise than those of one row


@dataclass(frozen=True, slots=True)
class Running:
    """`began`: when its command was given, in seconds since the epoch; `cold`: from then to the first right answer."""

    peer: Peer
    subject: Subject
    port: int
    pid: int
    began: float
    cold: float

    def requests(self, encoding: Encoding) -> list[bytes]:
        """The bytes of each request."""
        path = self.peer.path.format(model=self.subject.name)
        return [encoding.write(path, inputs) for inputs in self.subject.asked]

    def check(self) -> None:
        """Ask everything at once, in each encoding. Raises SystemExit for an answer that is not right."""
        for encoding in self.peer.encodings:
            count = len(self.subject.asked)
            with ThreadPoolExecutor(count) as pool:
                wrong = [text for text in pool.map(partial(_wrong, self, encoding), range(count)) if text]
            if wrong:
                raise SystemExit(f"{self.peer.name}, {encoding.name}: {len(wrong)} answers are wrong: {wrong[0]}")


@contextmanager
def running(peer: Peer, environment: Path, folder: Path, subject: Subject) -> Iterator[Running]:
    """Start `peer`; its log goes to `folder`. Raises SystemExit if it gives no right answer."""
    folder.mkdir()
    port = free_port()
    command = peer.command(Place(environment, folder, port, subject))
    log = folder / "log"
    began = time.time()
    with process(command, log) as started:
        cold = _first(peer, subject, port, started, log) - began
        yield Running(peer, subject, port, started.pid, began, cold)


def _first(peer: Peer, subject: Subject, port: int, process: subprocess.Popen[bytes], log: Path) -> float:
    asked = Running(peer, subject, port, process.pid, 0, 0)
    until = time.perf_counter() + _PATIENCE
    problem: str | None = "it was not asked"
    while time.perf_counter() < until and process.poll() is None:
        try:
            problem = _wrong(asked, peer.encodings[0], 0)
        except (OSError, http.client.HTTPException) as error:
            problem = str(error)
        if problem is None:
            return time.time()
        time.sleep(0.005)
    raise SystemExit(f"{peer.name} gave no right answer: {problem}\n{log.read_text(errors='replace')[:2000]}")


def _wrong(server: Running, encoding: Encoding, number: int) -> str | None:
    """What is wrong with the answer to request `number`; None: it is right."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(server.requests(encoding)[number])
        response = http.client.HTTPResponse(connection, method="POST")
        response.begin()
        body = response.read()
    if response.status != 200:
        return f"status {response.status}: {body[:200]!r}"
    if not server.peer.computes:
        return None
    headers = {name.lower(): value for name, value in response.getheaders()}
    got = encoding.read(server.subject.output, headers, body)
    right = server.subject.right[number]
    if got.shape != right.shape or not np.allclose(got, right, atol=_TOLERANCE):
        return f"expected {right.ravel()[:4]}, got {got.ravel()[:4]}"
    return None
