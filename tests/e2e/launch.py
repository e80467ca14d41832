"""`jackfield serve` as a process of its own, for tests over real sockets."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_PATIENCE = 60.0
_GATE = "gate"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Live:
    """A server that is up. `process` is its own; nothing else is ended with it. `key` and `tls` are what it is
    asked with."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    key: str = ""
    tls: ssl.SSLContext | None = None

    @property
    def url(self) -> str:
        """Host and port, as clients take it."""
        return f"127.0.0.1:{self.port}"

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        if self.tls is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)
        else:
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=_PATIENCE, context=self.tls)
        try:
            own = {"Authorization": f"Bearer {self.key}"} if self.key else {}
            connection.request(method, path, body, own | dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def infer(self, model: str, content: Mapping[str, Any], **headers: str) -> Answer:
        """POST `content` as JSON to the model's infer route."""
        return self.ask("POST", f"/v2/models/{model}/infer", json.dumps(content).encode(), headers)

    def statistics(self, model: str) -> dict[str, float]:
        """The model's counters out of the metrics, by name (and state or reason)."""
        found: dict[str, float] = {}
        for line in self.ask("GET", "/metrics").body.decode().splitlines():
            if line.startswith("jackfield_") and f'model="{model}"' in line:
                name, value = line.rsplit(" ", 1)
                key = name.split("{", 1)[0]
                for label in ("state", "reason"):
                    if f'{label}="' in name:
                        key += ":" + name.split(f'{label}="', 1)[1].split('"', 1)[0]
                found[key] = float(value)
        return found

    @property
    def gate(self) -> Path:
        """What models wait for that are gated."""
        return self.log.with_name(_GATE)

    def memory_mib(self) -> float:
        """Resident memory of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:", 1)[1].split()[0]) / 1024


@contextmanager
def launched(
    config: Mapping[str, Any],
    folder: Path,
    *,
    ready: bool = True,
    environ: Mapping[str, str] | None = None,
    key: str = "",
    tls: ssl.SSLContext | None = None,
) -> Iterator[Live]:
    """Serve `config` on a port that the system chooses, ready unless `ready` is False; ended by SIGTERM. It is asked
    with `key` and `tls`. Its models find in GATE, unless `environ` has one, the name of a file in `folder`, which is
    not there at first: see `Live.gate`."""
    path, log = folder / "jackfield.yaml", folder / "server.log"
    settings = {**dict(config.get("server", {})), "port": 0}
    path.write_text(yaml.safe_dump({**config, "server": settings, "log": {"format": "json"}}))
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jackfield", "serve", str(path)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"GATE": str(folder / _GATE), **(os.environ if environ is None else environ)},
        )
    try:
        live = Live(_port(process, log), process, log, key, tls)
        if ready:
            _until_ready(live)
        yield live
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        for line in log.read_text().splitlines():
            if '"listening"' in line:
                return int(json.loads(line)["url"].rsplit(":", 1)[1])
        if process.poll() is not None:
            break
        time.sleep(0.01)
    raise AssertionError(f"the server did not listen:\n{log.read_text()}")


def _until_ready(live: Live) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and live.process.poll() is None:
        if live.ask("GET", "/v2/health/ready").status == 200:
            return
        time.sleep(0.02)
    raise AssertionError(f"the server did not get ready:\n{live.log.read_text()}")
