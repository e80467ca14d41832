"""A server as a process of its own, with its log, ended with all its children."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Command:
    """What is run, with variables beside those of this process."""

    words: Sequence[str]
    variables: Mapping[str, str]


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(command: Command, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command`; what it prints goes to `log`."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # who is ended must end this too
    with log.open("wb") as output:
        running = subprocess.Popen(
            command.words,
            env={**os.environ, **command.variables},
            stdout=output,
            stderr=output,
            start_new_session=True,  # so that its children can be ended with it
        )
    try:
        yield running
    finally:
        running.terminate()
        with suppress(subprocess.TimeoutExpired):
            running.wait(15)
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
