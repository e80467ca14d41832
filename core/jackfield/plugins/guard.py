"""Running a plugin's own code at start: whatever it does, the operator reads whose code it was."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from jackfield.errors import PluginError

_log = logging.getLogger("jackfield.plugins")


@contextmanager
def guard(who: str, act: str, patience: float = 10.0) -> Iterator[None]:
    """Blame `who` for what happens inside: anything raised becomes a PluginError; hanging is logged after `patience`.

    A hanging import cannot be ended from outside, so the start waits for it, but not in silence.
    """
    timer = threading.Timer(patience, _log.warning, ("%s: %s has not come back after %g seconds", who, act, patience))
    timer.daemon = True
    timer.start()
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also SystemExit, and the panics of Rust extensions, which are no Exception
        raise PluginError(f"{who}: {act} raised {told(error)}") from error
    finally:
        timer.cancel()


def told(error: BaseException) -> str:
    """An error on one line: its type and the first line of its text."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
