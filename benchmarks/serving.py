"""`jackfield serve` as a process of its own, for benchmarks."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is ready. `ready_after`: seconds from the command until it was."""

    port: int
    pid: int
    ready_after: float

    def cpu_seconds(self) -> float:
        """Processor time that it has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def memory_mib(self) -> float:
        """Its resident memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:", 1)[1].split()[0]) / 1024


@contextmanager
def serving(config: Mapping[str, Any], folder: Path) -> Iterator[Running]:
    """Serve `config` on a free port; its log goes to `folder`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = folder / "jackfield.yaml"
    path.write_text(yaml.safe_dump({**config, "server": {**config.get("server", {}), "port": port}}))
    began = time.perf_counter()
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "jackfield", "serve", str(path)], stdout=log, stderr=log)
        try:
            _wait(process, port)
            yield Running(port, process.pid, time.perf_counter() - began)
        finally:
            process.terminate()
            process.wait(30)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.01)
    raise SystemExit(f"the server exited with {process.returncode}")
