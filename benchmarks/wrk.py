"""The same load through `wrk`, which takes a tenth of the processor time that a client in Python takes.

`apt-get install wrk`, `brew install wrk`, or whatever the system's package manager says.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import Measured

# Requests are read from one file that begins with their number and lengths, and sent in turn.
_SCRIPT = """
local requests, turn = {}, 0
function init(args)
  local file = io.open(args[1], "rb")
  local count = file:read("*n")
  local lengths = {}
  for i = 1, count do lengths[i] = file:read("*n") end
  file:read(1)
  for i = 1, count do requests[i] = file:read(lengths[i]) end
  file:close()
end
function request()
  turn = turn % #requests + 1
  return requests[turn]
end
function done(summary, latency)
  local e = summary.errors
  local other = e.connect + e.read + e.write + e.timeout
  io.write(string.format('\\nRESULT [%d, %d, %d, %d, %.3f, %.3f]\\n', summary.requests, summary.duration, e.status,
    other, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """Answers a second with status 200, all others, and latencies in ms. `answers`: how many in all."""

    rate: float
    p50: float
    p99: float
    wrong: int
    answers: int


def figures(measured: Measured) -> Figures:
    """What a load of our own client gave, in the same words."""
    p50, p99 = measured.percentile(50), measured.percentile(99)
    return Figures(measured.rate, p50, p99, measured.wrong, len(measured.latencies))


def has_wrk() -> bool:
    """Whether it is installed."""
    return shutil.which("wrk") is not None


def wrk(port: int, requests: Sequence[bytes], connections: int, seconds: int) -> Figures:
    """Send `requests` in turn over `connections`, from one thread. wrk takes whole seconds."""
    with tempfile.TemporaryDirectory() as folder:
        script, file = Path(folder, "script.lua"), Path(folder, "requests")
        script.write_text(_SCRIPT)
        lengths = " ".join(str(len(one)) for one in requests)
        file.write_bytes(f"{len(requests)} {lengths}\n".encode() + b"".join(requests))
        words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script)]
        words += [f"http://127.0.0.1:{port}", "--", str(file)]
        run = subprocess.run(words, check=False, capture_output=True, text=True, timeout=seconds + 90)
    found = [line for line in run.stdout.splitlines() if line.startswith("RESULT ")]
    if not found:
        raise SystemExit(f"wrk failed: {run.stdout}{run.stderr}")
    answers, microseconds, status, other, p50, p99 = json.loads(found[0].removeprefix("RESULT "))
    return Figures((answers - status) / microseconds * 1e6, p50, p99, status + other, answers)
