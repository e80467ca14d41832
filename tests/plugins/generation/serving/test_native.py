"""The backend `native`: what it is asked for it has, or says in a sentence that it has not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from jackfield import Artifact, Device, Server
from jackfield.errors import LoadError
from jackfield_plugins.generation.checkpoints.gguf import GgufLoader, GgufOptions
from jackfield_plugins.generation.checkpoints.huggingface import HuggingFaceLoader, HuggingFaceOptions
from jackfield_plugins.generation.executor import GenerationExecutor
from jackfield_plugins.generation.native import library as module
from jackfield_plugins.generation.serving.native import NativeBackend, NativeBackendOptions
from tests.core.lifecycle.fakes import in_loop
from tests.plugins.generation import tiny
from tests.plugins.generation.checkpoints import files
from tests.plugins.generation.serving.checkpoint import artifact, request, templates_running, tokens

CPU = Device("cpu", "cpu")


def open_with(found: Artifact, **options: Any) -> GenerationExecutor:
    executor = NativeBackend(NativeBackendOptions(**{"kv_cache_mib": 1, **options})).open(found, CPU)
    assert isinstance(executor, GenerationExecutor)
    return executor


def test_the_processor_is_its_device() -> None:
    assert NativeBackend.unavailable() is None
    (device,) = NativeBackend.devices()
    assert (device.name, device.kind) == ("cpu", "cpu")
    assert re.search(r"instruction set (avx2|avx512) in force \(it has avx2(, avx512)?\)", device.description)
    assert f"threads: {len(os.sched_getaffinity(0))}" in device.description


def test_laying_out_weights_is_told(tmp_path: Path) -> None:
    """Layer by layer, to whom the backend was given."""
    found, told = artifact(tmp_path), list[tuple[str, int, int]]()
    backend = NativeBackend(NativeBackendOptions(kv_cache_mib=1))
    backend.told = lambda *args: told.append(args)
    backend.open(found, CPU).close()
    parts = len(found.content.spec.layers) + 1
    assert told == [("laying out weights", done, parts) for done in range(parts + 1)]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, {"storage": "auto (Q8_0)", "arithmetic": "float", "cache": "fp32"}),
        ({"storage": "blocks", "arithmetic": "integer"}, {"storage": "blocks (Q8_0)", "arithmetic": "integer"}),
        ({"storage": "int8", "cache": "half"}, {"storage": "int8", "cache": "half"}),
        ({"storage": "half", "threads": 1}, {"storage": "half", "threads": "1"}),
        ({"instruction_set": "avx2", "pin": True}, {"instruction set": "avx2"}),
    ],
)
def test_options_are_in_force(tmp_path: Path, options: dict[str, Any], says: dict[str, str]) -> None:
    executor = open_with(artifact(tmp_path, quantised=True), **options)
    told = executor.decoder.describe()
    assert {name: told[name] for name in says} == says
    assert told["threads"].endswith(", pinned") == bool(options.get("pin"))
    executor.close()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"storage": "blocks"}, "^storage blocks needs a quantised GGUF, and this checkpoint is stored in F32$"),
        ({"storage": "fp32", "arithmetic": "integer"}, "^arithmetic integer needs storage blocks or int8, and storage"),
        ({"arithmetic": "integer"}, "storage auto of a checkpoint in F32 holds floats$"),
    ],
)
def test_what_the_checkpoint_cannot_have(tmp_path: Path, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(LoadError, match=sentence):
        open_with(artifact(tmp_path), **options)
    assert templates_running() == 0


def test_codes_that_the_kernels_do_not_know_are_held_as_fp32_and_that_is_said(tmp_path: Path) -> None:
    stored = {"blk.0.attn_q.weight": "IQ4_NL", "blk.1.ffn_up.weight": "IQ4_NL", "blk.1.ffn_down.weight": "Q8_0"}
    found = GgufLoader(GgufOptions()).load(str(files.write(tmp_path / "mixed.gguf", stored=stored)))
    with capture_logs() as logs:
        open_with(found).close()
    (warning,) = [one for one in logs if one["log_level"] == "warning"]
    assert (warning["event"], warning["stored"]) == ("weights are held as fp32", "IQ4_NL")
    assert warning["source"].endswith("mixed.gguf")
    assert "do not compute with codes" in warning["reason"]
    (line,) = [one for one in logs if one["event"] == "decoder"]
    assert line["storage"] == "auto (F32, IQ4_NL held as fp32, Q8_0)"
    with pytest.raises(LoadError, match=r"^storage blocks cannot be had: weight 'blk\.0\.attn_q\.weight' is"):
        open_with(found, storage="blocks")
    with capture_logs() as logs:
        open_with(artifact(tmp_path, quantised=True)).close()
    assert not [one for one in logs if one["log_level"] == "warning"]


@pytest.mark.parametrize(("own", "given", "threads"), [(0, 3, 3), (2, 3, 2), (0, None, len(os.sched_getaffinity(0)))])
def test_threads_are_its_own_or_those_that_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: int, given: int | None, threads: int
) -> None:
    native, seen = module.library(), list[int]()
    make = native.decoder_new

    def making(shape: module.Shape, *more: Any) -> Any:
        seen.append(shape.threads)
        return make(shape, *more)

    monkeypatch.setattr(native, "decoder_new", making)
    backend = NativeBackend(NativeBackendOptions(kv_cache_mib=1, threads=own))
    executor = backend.open(artifact(tmp_path), replace(CPU, threads=given))
    assert isinstance(executor, GenerationExecutor)
    assert (executor.decoder.threads, executor.decoder.describe()["threads"]) == (threads, str(threads))
    assert seen == [threads]
    executor.close()


def test_pinning_where_others_would_pin_too_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica that knows its share of the processors only by number does not know which are its own."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2, 3})
    backend = NativeBackend(NativeBackendOptions(kv_cache_mib=1, pin=True))
    with pytest.raises(
        LoadError, match=r"^pin cannot be had: this replica's share is 2 of 4 processors, and which they"
    ):
        backend.open(artifact(tmp_path), replace(CPU, threads=2))
    assert templates_running() == 0
    for threads in (4, None):  # bound by `cores`, and alone
        executor = backend.open(artifact(tmp_path), replace(CPU, threads=threads))
        assert isinstance(executor, GenerationExecutor)
        assert executor.decoder.describe()["threads"] == "4, pinned"
        executor.close()


@pytest.fixture
def few() -> Iterator[int]:
    """How many processors this thread may use meanwhile: at most four, since each replica starts processes."""
    before = os.sched_getaffinity(0)
    some = sorted(before)[:4]
    os.sched_setaffinity(0, some)
    try:
        yield len(some)
    finally:
        os.sched_setaffinity(0, before)


@in_loop
async def test_replicas_that_pin_have_processors_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    source, replicas = artifact(tmp_path).source, few
    seen = list[list[int]]()
    native = module.library()
    make = native.decoder_new

    def making(shape: module.Shape, frequencies: int, number: int, processors: Any, count: int) -> Any:
        seen.append(list(processors))
        return make(shape, frequencies, number, processors, count)

    monkeypatch.setattr(native, "decoder_new", making)
    model = {"source": source, "backend": {"name": "native", "pin": True, "kv_cache_mib": 1}, "replicas": replicas}
    async with Server({"models": {"m": {**model, "cores": "divide"}}, "endpoints": {}, "observers": {}}):
        assert sorted(seen) == [[one] for one in sorted(os.sched_getaffinity(0))]
    if replicas > 1:
        with pytest.raises(LoadError, match=rf"pin cannot be had: this replica's share is 1 of {replicas} processors"):
            async with Server({"models": {"m": model}, "endpoints": {}, "observers": {}}):
                raise AssertionError("it is ready")


def test_heads_that_the_kernels_do_not_fit(tmp_path: Path) -> None:
    tiny.save("llama", tmp_path)
    found = HuggingFaceLoader(HuggingFaceOptions()).load(str(tmp_path))
    with pytest.raises(LoadError, match=r"needs a head size that is a multiple of 16, and this one is 8$"):
        open_with(found)


def test_an_instruction_set_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.library(), "sets", lambda: 1)
    with pytest.raises(LoadError, match=r"^instruction set avx512 is not in this processor, which has avx2$"):
        open_with(artifact(tmp_path), instruction_set="avx512")
    assert templates_running() == 0


@pytest.mark.parametrize("cache", ["fp32", "half"])
def test_a_cache_that_no_machine_has(tmp_path: Path, cache: str) -> None:
    sentence = r"^'.*tiny\.gguf' with a KV cache of \d+ blocks, \d+ MiB, does not fit into memory: the pool of \d+ KV"
    with pytest.raises(LoadError, match=sentence):
        open_with(artifact(tmp_path), kv_cache_mib=2**34, cache=cache)
    assert templates_running() == 0


@in_loop
async def test_it_is_the_default_of_a_decoder(tmp_path: Path) -> None:
    async with Server({"models": {"m": {"source": artifact(tmp_path).source}}, "endpoints": {}}) as server:
        assert server.model("m").version("").platform == "native_decoder"
        response = await server.submit(request([5, 9, 2], max_tokens=7, temperature=0, ignore_eos=True)).future
        assert len(tokens(response)) == 7


class TestWithoutTheLibrary:
    """In processes of their own, where JACKFIELD_NATIVE_STEP names a file that is not there."""

    REASON = "the native step is not there"

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, module.OTHER: "/nowhere/step.so", "COLUMNS": "300", "NO_COLOR": "1"}
        command = [sys.executable, *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)

    def test_commands_say_why(self) -> None:
        plugins = self.run("-m", "jackfield", "plugins")
        (line,) = [one for one in plugins.stdout.splitlines() if "backend: native" in one]
        assert self.REASON in line
        devices = self.run("-m", "jackfield", "devices")
        (line,) = [one for one in devices.stdout.splitlines() if one.startswith("native")]
        assert line.split()[:2] == ["native", "none"]
        assert f"not available: {self.REASON}" in line
        assert any(one.split()[:2] == ["torch-decoder", "cpu"] for one in devices.stdout.splitlines())

    def test_asked_for_by_name_it_is_an_error(self, tmp_path: Path) -> None:
        config = tmp_path / "jackfield.yaml"
        config.write_text(f"models:\n  m:\n    source: {artifact(tmp_path).source}\n    backend: native\n")
        for command in ("check", "serve"):
            told = self.run("-m", "jackfield", command, str(config))
            assert told.returncode == 2
            lines = [one for one in (told.stdout + told.stderr).splitlines() if self.REASON in one]
            assert len(lines) == 1, told.stdout + told.stderr
            assert "models.m.backend" in lines[0]
            assert "Traceback" not in told.stderr

    def test_where_none_is_named_another_runs_and_that_is_said(self, tmp_path: Path) -> None:
        program = tmp_path / "program.py"
        program.write_text(PROGRAM)
        told = self.run(str(program), artifact(tmp_path).source)
        assert told.returncode == 0, told.stderr
        platform, count, logs = json.loads(told.stdout.splitlines()[-1])
        assert platform == "torch-decoder_decoder"
        assert count == 4
        (warning,) = [one for one in logs if one["event"] == "backend passed over"]
        assert (warning["model"], warning["backend"], warning["log_level"]) == ("m", "native", "warning")
        assert self.REASON in warning["reason"]
        (sampler,) = [one for one in logs if one["event"] == "sampler"]
        assert (sampler["sampler"], sampler["log_level"]) == ("numpy", "info")
        assert self.REASON in sampler["about"]


PROGRAM = """
import asyncio, json, sys
import numpy as np
from structlog.testing import capture_logs
from jackfield import Request, Server

async def main():
    with capture_logs() as logs:
        async with Server({"models": {"m": {"source": sys.argv[1]}}, "endpoints": {}, "observers": {}}) as server:
            asked = Request("m", {"tokens": np.array([3, 4], np.int32)},
                            parameters={"max_tokens": 4, "ignore_eos": True})
            response = await server.submit(asked).future
            platform = server.model("m").version("").platform
    print(json.dumps([platform, len(response.outputs["tokens"]), logs], default=str))

asyncio.run(main())
"""
