"""A front process, its link and its shared memory, as the process with the models holds them."""

from __future__ import annotations

import mmap
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress

from jackfield.fronts.page import Page
from jackfield.transport import Arena

ARENA = 1024 * 1024 * 1024
"""Bytes of shared memory for large tensors in each direction; they take memory while they are used."""


class FrontProcess:
    """Starts the process. It gets `listener`, which stays open here too, so that connections which nobody has taken yet
    outlive it. `close` kills what runs, and gives everything back. Raises OSError if it cannot be started."""

    def __init__(self, number: int, listener: socket.socket, page: Page) -> None:
        ours, theirs = socket.socketpair()
        self.connection = ours
        self.arena = Arena(ARENA)
        incoming = os.memfd_create("jackfield", os.MFD_CLOEXEC)
        try:
            os.ftruncate(incoming, ARENA)
            self.incoming = mmap.mmap(incoming, ARENA)
            kept = (theirs.fileno(), self.arena.descriptor, incoming, page.descriptor, listener.fileno())
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jackfield.fronts.front", str(number), *map(str, kept)],
                pass_fds=kept,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C at the terminal is for the server, which drains first
            )
        except BaseException:
            self.connection.close()
            self.arena.close()
            raise
        finally:
            theirs.close()
            os.close(incoming)

    def ended(self, patience: float = 5.0) -> str:
        """How the process ended; it must be about to. Blocks."""
        try:
            code = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            return "its process closed the link and goes on"
        if code >= 0:
            return f"its process ended with status {code}"
        with suppress(ValueError):
            return f"its process was ended by {signal.Signals(-code).name}"
        return f"its process was ended by signal {-code}"

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self.process.poll() is None:
            self.process.kill()

    def close(self) -> None:
        """Kill it if it still runs, and give back link and shared memory."""
        self.kill()
        self.process.wait()
        self.connection.close()
        self.arena.close()
        with suppress(BufferError):  # somebody still holds a request that lies there
            self.incoming.close()
