"""Models whose actors can be made to die or hang; imported in the actor, by path."""

from __future__ import annotations

import os
import signal
import time
from typing import Annotated

import numpy as np
from jackfield import Shape
from numpy.typing import NDArray

Numbers = Annotated[NDArray[np.float32], Shape(-1, 4)]


def _once(name: str) -> bool:
    """Whether the file of this name is still there, which it is not any more then."""
    try:
        os.unlink(os.path.join(os.environ["FUSES"], name))
    except OSError:
        return False
    return True


class Double:
    """Twice what it gets. A first number of 666 kills the process once, 667 always, 777 stops it once; 5 is an error."""

    def predict(self, x: Numbers) -> Numbers:
        first = float(x[0, 0]) if len(x) else 0.0
        if first == 667 or (first == 666 and _once("kill")):
            os.kill(os.getpid(), signal.SIGKILL)
        if first == 777 and _once("stop"):
            os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(60)  # another thread may be stopped a moment earlier than this one
        if first == 5:
            raise ValueError("not five")
        return x * 2


class Slow:
    """Takes a moment, and waits as long as there is a file `shut` where the fuses are."""

    def predict(self, x: Numbers) -> Numbers:
        while os.path.exists(os.path.join(os.environ.get("FUSES", "/nowhere"), "shut")):
            time.sleep(0.005)
        time.sleep(0.02)
        return x * 2


class Broken:
    """Cannot be made."""

    def __init__(self) -> None:
        raise RuntimeError("no weights here")

    def predict(self, x: Numbers) -> Numbers:
        return x
