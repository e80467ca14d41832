from __future__ import annotations

import logging
import threading

import pytest

from jackfield.errors import PluginError
from jackfield.plugins.guard import guard, told


class Panic(BaseException):
    """What a Rust extension raises is no Exception."""


class Listener(logging.Handler):
    """Says when a record comes."""

    def __init__(self) -> None:
        super().__init__()
        self.came = threading.Event()
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text = record.getMessage()
        self.came.set()


@pytest.mark.parametrize("error", [ValueError("so\nand so"), SystemExit("so"), Panic("so")])
def test_whatever_is_raised_is_blamed_on_the_plugin(error: BaseException) -> None:
    with pytest.raises(PluginError) as caught, guard("plugin 'one'", "import"):
        raise error
    assert str(caught.value) == f"plugin 'one': import raised {type(error).__name__}: so"
    assert caught.value.__cause__ is error


def test_an_interrupt_by_hand_is_not_the_plugins_fault() -> None:
    with pytest.raises(KeyboardInterrupt), guard("plugin 'one'", "import"):
        raise KeyboardInterrupt


def test_what_hangs_is_named_in_the_log() -> None:
    listener, log = Listener(), logging.getLogger("jackfield.plugins")
    log.addHandler(listener)
    try:
        with guard("plugin 'one'", "import", patience=0.0):
            assert listener.came.wait(30), "nothing was logged"
    finally:
        log.removeHandler(listener)
    assert listener.text == "plugin 'one': import has not come back after 0 seconds"


def test_nothing_watches_what_has_come_back() -> None:
    before = set(threading.enumerate())
    with guard("plugin 'one'", "import"):
        (watcher,) = set(threading.enumerate()) - before
    watcher.join(30)
    assert not watcher.is_alive()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("so"), "ValueError: so"),
        (ValueError("\n  so\nand so"), "ValueError: so"),
        (ValueError(), "ValueError: no message"),
        (ValueError(" \n "), "ValueError: no message"),
    ],
)
def test_an_error_is_told_on_one_line(error: ValueError, text: str) -> None:
    assert told(error) == text
