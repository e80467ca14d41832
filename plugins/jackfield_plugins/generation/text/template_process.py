"""A process that renders templates, seen from the server: asked, waited for so long, and killed."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

_WORKER = Path(__file__).with_name("template_worker.py")
_PASSED_ON = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TZ", "LANG")
"""What the process sees of the environment: what Python needs to start, and no secrets."""


class TookTooLong(Exception):
    """No answer came in time."""


class Died(Exception):
    """The process ended, or said what it should not have."""


class TemplateProcess:
    """One process; used by one thread at a time. After `TookTooLong` or `Died` it is dead."""

    def __init__(self, templates: Mapping[str, str], memory: int, largest: int, seconds: float) -> None:
        """Start it, with at most `memory` bytes, answers of at most `largest` bytes, and `seconds` to be ready.

        `error` is then what is wrong with the templates, None if nothing is. Raises TookTooLong, Died.
        """
        self._largest = largest
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            start_new_session=True,  # Ctrl-C is the server's to handle
        )
        answer = self._ask({"limits": {"memory": memory}, "templates": templates}, seconds)
        self.error: str | None = answer.get("error")

    def render(self, template: str, arguments: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """{"text": …} or {"error": …}. Raises TookTooLong, Died."""
        return self._ask({"template": template, "arguments": arguments}, seconds)

    def kill(self) -> None:
        """End it, whatever it is doing, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _ask(self, question: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        try:
            line = self._exchange(json.dumps(question).encode() + b"\n", time.monotonic() + seconds)
            answer = json.loads(line)
            if not isinstance(answer, dict):
                raise Died("it answered something else")
            return answer
        except (OSError, ValueError) as error:
            self.kill()
            raise Died(str(error)) from error
        except BaseException:
            self.kill()
            raise

    def _exchange(self, question: bytes, until: float) -> bytes:
        asked, answers = _raw(self._process.stdin), _raw(self._process.stdout)
        os.set_blocking(asked, False)
        os.set_blocking(answers, False)
        left, parts, size = memoryview(question), [], 0
        with selectors.DefaultSelector() as selector:
            selector.register(asked, selectors.EVENT_WRITE)
            selector.register(answers, selectors.EVENT_READ)
            while True:
                ready = selector.select(max(until - time.monotonic(), 0))
                if not ready:
                    raise TookTooLong
                for key, _ in ready:
                    if key.fd == asked:
                        left = left[os.write(asked, left[:65536]) :]
                        if not left:
                            selector.unregister(asked)
                        continue
                    part = os.read(answers, 1 << 20)
                    size += len(part)
                    parts.append(part)
                    if not part or size > self._largest:
                        raise Died("it ended" if not part else "its answer is too long")
                    if part.endswith(b"\n"):
                        return b"".join(parts)


def _raw(pipe: IO[bytes] | None) -> int:
    assert pipe is not None
    return pipe.fileno()
