"""The backend `torch-decoder`: the same checkpoint, the same tokens, in PyTorch's operations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from jackfield import Device, Server
from jackfield.errors import LoadError
from jackfield_plugins.generation.executor import GenerationExecutor
from jackfield_plugins.generation.serving.torch_decoder import TorchDecoderBackend, TorchDecoderOptions
from tests.core.lifecycle.fakes import in_loop
from tests.plugins.generation.serving.checkpoint import artifact, request, templates_running, tokens

CPU = Device("cpu", "cpu")


@pytest.fixture
def threads() -> Iterator[int]:
    """PyTorch's threads, which are put back."""
    before = torch.get_num_threads()
    yield before
    torch.set_num_threads(before)


def open_with(folder: Path, **options: Any) -> GenerationExecutor:
    backend = TorchDecoderBackend(TorchDecoderOptions(**{"kv_cache_mib": 1, **options}))
    executor = backend.open(artifact(folder), CPU)
    assert isinstance(executor, GenerationExecutor)
    return executor


def test_the_processor_is_its_device() -> None:
    (device,) = TorchDecoderBackend.devices()
    assert (device.name, device.kind) == ("cpu", "cpu")
    assert device.description.endswith("PyTorch's operations")


def test_storage_and_cache(tmp_path: Path) -> None:
    for options, weights, blocks in (({}, "float32", 128), ({"storage": "half", "cache": "half"}, "float16", 256)):
        executor = open_with(tmp_path, **options)
        assert executor.decoder.describe()["weights"] == weights
        assert executor.pool.count == blocks
        executor.close()
    assert templates_running() == 0


def test_threads_are_the_process_s(tmp_path: Path, threads: int) -> None:
    open_with(tmp_path).close()
    assert torch.get_num_threads() == threads
    executor = open_with(tmp_path, threads=threads + 1)
    assert torch.get_num_threads() == threads + 1
    assert executor.decoder.describe()["threads"] == str(threads + 1)
    executor.close()


def test_a_cache_that_no_machine_has(tmp_path: Path) -> None:
    sentence = r"^'.*tiny\.gguf' with a KV cache of \d+ blocks, \d+ MiB, does not fit into memory: "
    with pytest.raises(LoadError, match=sentence):
        open_with(tmp_path, kv_cache_mib=2**34)
    assert templates_running() == 0


@in_loop
async def test_it_says_what_native_says(tmp_path: Path) -> None:
    source = artifact(tmp_path).source
    said = []
    for backend in ("torch-decoder", "native"):
        model = {"source": source, "backend": {"name": backend, "kv_cache_mib": 1}}
        async with Server({"models": {"m": model}, "endpoints": {}, "observers": {}}) as server:
            assert server.model("m").version("").platform == f"{backend}_decoder"
            asked = request([7, 30, 2, 200, 9], max_tokens=24, temperature=0, ignore_eos=True)
            said.append(tokens(await server.submit(asked).future))
    assert said[0] == said[1]
    assert len(said[0]) == 24
