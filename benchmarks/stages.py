"""Where the time of a small request goes: `python -m benchmarks.stages`

The whole server, with its endpoint, engine and protocol, answers requests for a tiny model over connections of memory,
so that what is left is its own processor time, without the system's network; the time within each stage is added up by
wrapping it.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import uvicorn
from uvicorn.server import ServerState

from benchmarks.machine import described
from benchmarks.peers.subjects import Subject, subject
from jackfield import create_app
from jackfield.asgi import App
from jackfield.engine.loop import EngineLoop
from jackfield.engine.planner import Planner
from jackfield.lifecycle.observers import Observers
from jackfield.lifecycle.replica import LocalReplica
from jackfield.lifecycle.statistics import Statistics
from jackfield.lifecycle.version import Version
from jackfield.logs import configure_logs
from jackfield.web.heads import Heads
from jackfield.web.quick import QuickProtocol
from jackfield_plugins.open_inference.infer import Inference

STAGES: tuple[tuple[str, type, str], ...] = (
    ("request taken in, all of it", QuickProtocol, "data_received"),
    ("  head looked up", Heads, "known"),
    ("  body decoded", Inference, "decoded_now"),
    ("  checked, admitted, queued", Version, "submit"),
    ("engine: queue taken up", EngineLoop, "_drain"),
    ("engine: step planned", Planner, "next"),
    ("engine: joined, run, parted", EngineLoop, "_run"),
    ("step settled, all of it", LocalReplica, "_settle_all"),
    ("  statistics", Statistics, "settled"),
    ("  observers", Observers, "settled"),
    ("  answer encoded", Inference, "encoded_now"),
    ("  answer written", QuickProtocol, "_send"),
)


class Memory:
    """A transport whose client asks again as soon as it has its answer."""

    def __init__(self, answered: Callable[[Memory], None]) -> None:
        self.protocol: Any = None
        self._answered = answered

    def write(self, data: bytes) -> None:
        """An answer."""
        assert data.startswith(b"HTTP/1.1 200 "), data
        self._answered(self)

    def writelines(self, parts: Sequence[bytes]) -> None:
        """An answer in parts."""
        self.write(b"".join(parts))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """There is no socket."""
        return default

    def get_write_buffer_size(self) -> int:
        """All is read at once."""
        return 0

    def is_closing(self) -> bool:
        """It stays open."""
        return False

    def close(self) -> None:
        """Nobody closes it."""


def main() -> None:
    """Print microseconds a request by stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--requests", type=int, default=60_000)
    options = parser.parse_args()
    print(described("onnxruntime", "uvicorn"))
    model = subject("mlp")
    whole, _ = asyncio.run(_measured(model, options.connections, options.requests))
    stages = dict.fromkeys((name for name, _, _ in STAGES), 0.0)
    for name, cls, method in STAGES:
        _time(stages, name, cls, method)
    timed, answered = asyncio.run(_measured(model, options.connections, options.requests))
    print(f"{options.connections} connections, {options.requests} requests: {whole:.1f} us of processor time a request")
    for name, _, _ in STAGES:
        print(f"{name:32}{stages[name] / answered * 1e6:8.1f}")
    print(f"(by the clock, while {timed:.1f} us of processor time were used, the measuring included)")


async def _measured(model: Subject, connections: int, requests: int) -> tuple[float, int]:
    config = {
        "models": {"mlp": {"source": str(model.path), "backend": {"name": "onnxruntime", "threads": 1}}},
        "log": {"level": "error"},
    }
    app = create_app(config)
    configure_logs(app.server.config.log)
    async with app.lifespan():
        ready: list[Memory] = []
        heads = Heads(app.shortcut)
        transports = [_connected(app, heads, ready.append) for _ in range(connections)]
        request = _request(model)
        ready.extend(transports)
        answered, began = -connections, time.process_time()
        while answered < requests:
            if answered < 0:
                began = time.process_time()
            now, ready[:] = ready[:], []
            answered += len(now)
            for transport in now:
                transport.protocol.data_received(request)
            await asyncio.sleep(0)
        return (time.process_time() - began) / answered * 1e6, answered


def _connected(app: App, heads: Heads, answered: Callable[[Memory], None]) -> Memory:
    config = uvicorn.Config(app, http=QuickProtocol, lifespan="off", log_config=None, access_log=False, ws="none")
    config.load()
    kind: Any = type("Protocol", (QuickProtocol,), {"limits": app.server.config.server.limits, "heads": heads})
    transport = Memory(answered)
    transport.protocol = kind(config=config, server_state=ServerState(), app_state={})
    transport.protocol.connection_made(transport)
    return transport


def _request(model: Subject) -> bytes:
    array = model.asked[0]["x"]
    tensor = {"name": "x", "shape": array.shape, "datatype": "FP32", "data": array.ravel().tolist()}
    body = orjson.dumps({"inputs": [tensor]})
    head = b"POST /v2/models/mlp/infer HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)


def _time(stages: dict[str, float], name: str, cls: type, method: str) -> None:
    inner = getattr(cls, method)

    def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return inner(*args, **kwargs)
        finally:
            stages[name] += time.perf_counter() - began

    setattr(cls, method, timed)


if __name__ == "__main__":
    main()
