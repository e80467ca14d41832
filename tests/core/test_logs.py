from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from jackfield.config.models import LogConfig
from jackfield.logs import configure_logs


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_json_for_our_own_and_for_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogConfig(format="auto", level="info"))
    structlog.get_logger("a").info("ready", model="m", odd=object)
    structlog.get_logger("a").debug("left out")
    logging.getLogger("some.library").warning("careful with %s", "this")
    logging.getLogger("some.library").debug("left out")
    own, foreign = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (own["event"], own["model"], own["level"]) == ("ready", "m", "info")
    assert own["timestamp"].endswith("Z")
    assert (foreign["event"], foreign["logger"], foreign["level"]) == ("careful with this", "some.library", "warning")


def test_json_of_an_exception_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogConfig(format="json"))
    try:
        raise ValueError("bad")
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("x").exception("failed too")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert len(lines) == 2
    assert all("ValueError: bad" in line["exception"] for line in lines)


def test_console(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogConfig(format="console", level="warning"))
    structlog.get_logger().info("left out")
    structlog.get_logger().warning("hot", degrees=90)
    logging.getLogger("x").error("broken")
    first, second = capsys.readouterr().err.splitlines()
    assert "hot" in first
    assert "degrees=90" in first
    assert "broken" in second
