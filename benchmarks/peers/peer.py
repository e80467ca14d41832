"""The servers that are compared: how each is started, where it is asked, and in which encodings."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.peers.encodings import BINARY, JSON, PLAIN, Encoding
from benchmarks.peers.subjects import Subject
from benchmarks.process import Command

ROWS, WINDOW_MS = 32, 3
SERVERS = Path(__file__).parent / "servers"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a peer is to run: its environment's folder, a folder for its files, a port, and the model."""

    environment: Path
    folder: Path
    port: int
    subject: Subject

    @property
    def python(self) -> str:
        """The interpreter of its environment."""
        return str(self.environment.absolute() / "bin" / "python")


@dataclass(frozen=True, slots=True)
class Peer:
    """`path` may name the model as `{model}`. `computes`: whether answers depend on the request."""

    name: str
    path: str
    encodings: Sequence[Encoding]
    command: Callable[[Place], Command]
    computes: bool = True


def _variables(place: Place) -> dict[str, str]:
    return {
        "BENCH_MODEL": str(place.subject.path),
        "BENCH_THREADS": str(place.subject.threads),
        "BENCH_ROWS": str(ROWS),
        "BENCH_WINDOW_MS": str(WINDOW_MS),
        "PYTHONPATH": str(SERVERS),
    }


def jackfield(policy: str) -> Callable[[Place], Command]:
    """This project's server, in the environment that runs this script."""

    def command(place: Place) -> Command:
        model = {
            "source": str(place.subject.path),
            "backend": {"name": "onnxruntime", "threads": place.subject.threads},
            "batching": {"policy": policy, "max_batch_size": ROWS, "max_delay_ms": WINDOW_MS},
        }
        config = place.folder / "jackfield.yaml"
        config.write_text(yaml.safe_dump({"server": {"port": place.port}, "models": {place.subject.name: model}}))
        return Command([sys.executable, "-m", "jackfield", "serve", str(config)], {})

    return command


def _uvicorn(app: str) -> Callable[[Place], Command]:
    def command(place: Place) -> Command:
        words = [place.python, "-m", "uvicorn", app, "--port", str(place.port), "--loop", "uvloop"]
        return Command([*words, "--http", "httptools", "--no-access-log", "--log-level", "warning"], _variables(place))

    return command


def _mosec(place: Place) -> Command:
    words = [place.python, str(SERVERS / "mosec_worker.py"), "--address", "127.0.0.1", "--port", str(place.port)]
    sockets = place.folder / "sockets"
    return Command([*words, "--timeout", "60000", "--log-level", "warning", "--path", str(sockets)], _variables(place))


def _triton(place: Place) -> Command:
    """The binary looks for the stub of its Python backend beside the backend's library, so both are put together."""
    packages = next((place.environment.absolute() / "lib").glob("python3.*/site-packages"))
    triton = packages / "pytriton" / "tritonserver"
    backend = place.folder / "backends" / "python"
    shutil.copytree(triton / "backends" / "python", backend)
    version = packages.parent.name.removeprefix("python")
    stub = Path(shutil.copy(triton / "python_backend_stubs" / version / "triton_python_backend_stub", backend))
    stub.chmod(0o755)
    model = place.folder / "models" / place.subject.name
    (model / "1").mkdir(parents=True)
    shutil.copy(SERVERS / "triton_model.py", model / "1" / "model.py")
    (model / "config.pbtxt").write_text(_triton_config(place.subject))
    libraries = [packages / "nvidia_pytriton.libs", triton / "external_libs", triton / "lib"]
    paths = os.pathsep.join(map(str, libraries))
    modules = f"{SERVERS}{os.pathsep}{packages}"
    variables = {**_variables(place), "LD_LIBRARY_PATH": paths, "BENCH_MODULES": modules}
    options = {
        "model-repository": model.parent,
        "backend-directory": backend.parent,
        "http-address": "127.0.0.1",
        "http-port": place.port,
        "allow-grpc": "false",
        "allow-metrics": "false",
    }
    words = [str(triton / "bin" / "tritonserver"), "--disable-auto-complete-config"]
    return Command([*words, *(f"--{name}={value}" for name, value in options.items())], variables)


def _triton_config(subject: Subject) -> str:
    def tensor(name: str, datatype: str, width: int) -> str:
        return f'{{ name: "{name}" data_type: {datatype} dims: [ {width} ] }}'

    inputs = [
        tensor(name, *(("TYPE_INT64", -1) if array.dtype.name == "int64" else ("TYPE_FP32", array.shape[1])))
        for name, array in subject.asked[0].items()
    ]
    output = tensor(subject.output, "TYPE_FP32", subject.right[0].shape[1])
    return "\n".join(
        [
            f'name: "{subject.name}"',
            'backend: "python"',
            f"max_batch_size: {ROWS}",
            f"input [ {', '.join(inputs)} ]",
            f"output [ {output} ]",
            f"dynamic_batching {{ max_queue_delay_microseconds: {WINDOW_MS * 1000} }}",
            "instance_group [ { kind: KIND_CPU count: 1 } ]",
        ]
    )


_INFER = "/v2/models/{model}/infer"
PEERS = {
    peer.name: peer
    for peer in (
        Peer("jackfield", _INFER, (JSON, BINARY), jackfield("dynamic")),
        Peer("floor", "/", (PLAIN,), _uvicorn("floor:app"), computes=False),
        Peer("fastapi", "/", (PLAIN,), _uvicorn("naive:app")),
        Peer("mosec", "/inference", (PLAIN,), _mosec),
        Peer("triton", _INFER, (JSON, BINARY), _triton),
    )
}
