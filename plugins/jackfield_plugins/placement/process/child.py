"""A worker process, its link and its shared memory, as the server holds them."""

from __future__ import annotations

import mmap
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from jackfield.errors import JackfieldError, LoadError
from jackfield.transport import Arena, Frames, error_of, framed
from jackfield_plugins.placement.process import messages as say
from jackfield_plugins.placement.process.status import Status
from jackfield_plugins.placement.process.threads import environment

_READ = 1 << 18
_GRACE = 5.0  # seconds that a process gets to end by itself


class Child:
    """Starts the process. `arena`: bytes of shared memory for each direction. `threads`: see `environment`.

    Raises LoadError if it cannot be started. `close` kills what runs, and gives everything back.
    """

    def __init__(self, name: str, arena: int, threads: int | None) -> None:
        self.name = name
        ours, theirs = socket.socketpair()
        self.link = ours
        self.arena = Arena(arena)
        incoming = os.memfd_create("jackfield", os.MFD_CLOEXEC)
        os.ftruncate(incoming, arena)
        self.incoming = mmap.mmap(incoming, arena)
        self.status = Status()
        self.frames = Frames()
        kept = (theirs.fileno(), self.arena.descriptor, incoming, self.status.descriptor)
        numbers = [*map(str, kept), str(arena), str(os.getpid())]
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jackfield_plugins.placement.process.worker", *numbers],
                pass_fds=kept,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C at the terminal is for the server, which drains first
                env={**os.environ, **environment(threads)},
            )
        except OSError as error:
            self.link.close()
            self.arena.close()
            raise LoadError(f"a process for replica '{name}' cannot be started: {error}") from error
        finally:
            theirs.close()
            os.close(incoming)
            self.status.close()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.process.pid

    def begin(self, message: say.Begin, progress: Callable[[str, int, int], None]) -> dict[str, object]:
        """Have it open the model, and wait until it is warm: the facts that it tells. Raises what went wrong there, or
        LoadError if it ends."""
        decoder = msgspec.msgpack.Decoder(say.FromWorker)
        try:
            self.link.sendall(framed(msgspec.msgpack.encode(message)))
            while True:
                data = self.link.recv(_READ)
                if not data:
                    raise LoadError(f"replica '{self.name}' could not be opened: {self.ended()}")
                for body in self.frames.feed(data):
                    told = decoder.decode(body)
                    if isinstance(told, say.Doing):
                        progress(told.what, told.done, told.total)
                    elif isinstance(told, say.Failed):
                        raise error_of(told.error, told.message)
                    elif isinstance(told, say.Ready):
                        return told.facts
        except JackfieldError:
            raise
        except OSError as error:
            raise LoadError(f"replica '{self.name}' could not be opened: {error}; {self.ended()}") from error

    def memory(self) -> int:
        """Bytes that it holds in memory now; 0 if it is gone."""
        try:
            return int(Path(f"/proc/{self.pid}/statm").read_bytes().split()[1]) * mmap.PAGESIZE
        except (OSError, ValueError, IndexError):
            return 0

    def ended(self) -> str:
        """How the process ended; it must be about to."""
        try:
            code = self.process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            return "its process closed the link and goes on"
        if code >= 0:
            return f"its process ended with status {code}"
        try:
            return f"its process was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"its process was ended by signal {-code}"

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self.process.poll() is None:
            self.process.kill()

    def wait(self, timeout: float) -> bool:
        """Whether it has ended within `timeout` seconds."""
        try:
            self.process.wait(max(timeout, 0.0))
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        """Kill it if it still runs, and give back link and shared memory."""
        self.kill()
        self.process.wait()
        self.link.close()
        self.arena.close()
        with suppress(BufferError):  # somebody still holds an answer that lies there
            self.incoming.close()
