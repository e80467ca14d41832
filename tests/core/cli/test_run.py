"""Running until a signal comes. Without plugins there is nothing to answer, but it listens."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from jackfield.cli.binding import bound
from jackfield.errors import ConfigError

READY = {"listening", "ready"}


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_no_failure(tmp_path: Path, stop: signal.Signals) -> None:
    (tmp_path / "c.yaml").write_text("server: {port: 0}")
    command = [sys.executable, "-m", "jackfield", "serve", "c.yaml", "--log-format", "json"]
    environ = {**os.environ, "JACKFIELD_PLUGINS": ""}
    with subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        events: set[str] = set()
        while not events >= READY:
            line = process.stderr.readline()
            assert line, f"it ended with status {process.wait()}"
            events.add(json.loads(line)["event"])
        process.send_signal(stop)
        rest = process.stderr.read()
        assert process.wait(timeout=30) == 0
    assert "Traceback" not in rest


def test_an_address_that_is_taken_is_a_failure(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        (tmp_path / "c.yaml").write_text(f"server: {{port: {taken.getsockname()[1]}}}")
        command = [sys.executable, "-m", "jackfield", "serve", "c.yaml"]
        environ = {**os.environ, "JACKFIELD_PLUGINS": ""}
        result = subprocess.run(
            command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False
        )
    assert result.returncode == 2
    assert "server.host, server.port: cannot listen on 127.0.0.1:" in result.stderr
    assert "address already in use" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_address_of_another_machine_is_a_failure() -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1:0: cannot assign requested address"):
        bound("192.0.2.1", 0)
