"""Models whose workers can be made to die, hang, or take memory; imported in the worker, by path."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from jackfield import Shape

Numbers = Annotated[NDArray[np.float32], Shape(-1, 4)]
_KEPT: list[bytearray] = []


class Echo:
    """Twice what it gets. A first number of 666 kills the process as long as the file named by FUSE is there, which it
    removes; 667 always does; 777 hangs with the interpreter; 888 takes memory."""

    def predict(self, x: Numbers) -> Numbers:
        first = float(x[0, 0]) if len(x) else 0.0
        fuse = os.environ.get("FUSE", "")
        if first == 666 and os.path.exists(fuse):
            os.unlink(fuse)
            os.kill(os.getpid(), signal.SIGKILL)
        if first == 667:
            os.kill(os.getpid(), signal.SIGKILL)
        if first == 777 and os.path.exists(fuse):
            os.unlink(fuse)
            os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(60)  # another thread may be stopped a moment earlier than this one
        if first == 888 and os.path.exists(fuse):
            os.unlink(fuse)
            _KEPT.append(bytearray(512 << 20))
            time.sleep(60)
        if first == 5:
            raise ValueError("not five")
        return x * 2


class Slow:
    """Takes a moment."""

    def predict(self, x: Numbers) -> Numbers:
        time.sleep(0.05)
        return x + 1


class Busy:
    """One core's worth of pure Python for each row."""

    def predict(self, x: Numbers) -> Numbers:
        total = 0
        for number in range(200_000):
            total += number & 3
        return x + (total & 0)


class Broken:
    """Cannot be made."""

    def __init__(self) -> None:
        raise RuntimeError("no weights here")

    def predict(self, x: Numbers) -> Numbers:
        return x


class Once:
    """Can be made as long as the file named by FUSE is there; the first request removes it, and kills the process."""

    def __init__(self) -> None:
        if not os.path.exists(os.environ["FUSE"]):
            raise RuntimeError("not a second time")

    def predict(self, x: Numbers) -> Numbers:
        if len(x) and float(x[0, 0]) == 666:
            os.unlink(os.environ["FUSE"])
            os.kill(os.getpid(), signal.SIGKILL)
        return x


class Dies:
    """Ends its process while it is made."""

    def __init__(self) -> None:
        if threading.current_thread():
            os._exit(3)

    def predict(self, x: Numbers) -> Numbers:
        return x


class Threads:
    """How many threads libraries are told to take, and on how many processors this may run."""

    def predict(self, x: Numbers) -> Numbers:
        found = [int(os.environ["OMP_NUM_THREADS"]), len(os.sched_getaffinity(0)), 0, 0]
        return np.array([found] * len(x), np.float32)


class Endless:
    """Is never made."""

    def __init__(self) -> None:
        time.sleep(3600)

    def predict(self, x: Numbers) -> Numbers:
        return x
