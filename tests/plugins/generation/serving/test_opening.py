"""From a checkpoint to an executor: what cannot be is one sentence, and leaves nothing running."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from jackfield import Server
from jackfield.errors import LoadError
from jackfield_plugins.generation.decoder import TokenRows
from jackfield_plugins.generation.executor import GenerationExecutor
from jackfield_plugins.generation.language import Language
from jackfield_plugins.generation.native import NativeDecoder
from jackfield_plugins.generation.serving.memory import BLOCK
from jackfield_plugins.generation.serving.opening import opened
from jackfield_plugins.generation.serving.options import DecoderOptions
from jackfield_plugins.generation.spec import DecoderSpec
from tests.core.lifecycle.fakes import in_loop
from tests.plugins.generation.serving.checkpoint import BLOCK_BYTES, CONTEXT, artifact, templates_running

MESSAGES = [{"role": "user", "content": "Hi"}]


def native(spec: DecoderSpec, blocks: int) -> NativeDecoder:
    return NativeDecoder(spec, blocks, BLOCK)


def test_a_checkpoint_becomes_an_executor(tmp_path: Path) -> None:
    with capture_logs() as logs:
        executor = opened(artifact(tmp_path), DecoderOptions(kv_cache_mib=1, max_sequences=5), native)
    assert isinstance(executor, GenerationExecutor)
    assert executor.pool.count == executor.decoder.blocks == 2**20 // BLOCK_BYTES
    assert executor.capacity().rows == 5
    assert executor.cache.known
    language = executor.about
    assert isinstance(language, Language)
    assert language.context == CONTEXT
    assert language.ends == (1,)
    assert language.template.render(MESSAGES) == "<s>Hi"
    (line,) = [one for one in logs if one["event"] == "decoder"]
    assert line["kv_tokens"] == 2**20 // BLOCK_BYTES * BLOCK
    assert (line["kv_mib"], line["context"], line["decoder"]) == (1, CONTEXT, "native")
    assert line["source"].endswith("tiny.gguf")
    (line,) = [one for one in logs if one["event"] == "sampler"]
    assert (line["sampler"], line["about"]) == ("native", executor.sampler.about)
    assert line["source"].endswith("tiny.gguf")
    assert templates_running() == 1
    executor.close()
    assert templates_running() == 0


def test_options_reach_the_parts(tmp_path: Path) -> None:
    options = DecoderOptions(context=32, max_sequences=2, prefix_caching=False)
    executor = opened(artifact(tmp_path), options, native)
    assert executor.decoder.context == executor.about.context == 32
    assert executor.pool.count == 2 * 32 // BLOCK
    assert not executor.cache.known
    executor.close()


def test_a_context_that_the_model_was_not_made_for(tmp_path: Path) -> None:
    opened(artifact(tmp_path), DecoderOptions(context=CONTEXT, kv_cache_mib=1), native).close()
    with pytest.raises(LoadError, match=r"^context 257 is more than the 256 that '.*tiny\.gguf' was made for$"):
        opened(artifact(tmp_path), DecoderOptions(context=CONTEXT + 1), native)


def test_a_template_that_is_none_is_found_before_weights_are_laid_out(tmp_path: Path) -> None:
    def make(spec: DecoderSpec, blocks: int) -> NativeDecoder:
        raise AssertionError("a decoder was made")

    with pytest.raises(LoadError, match=r"^the chat template of '.*tiny\.gguf' is none: "):
        opened(artifact(tmp_path, template="{% if %}"), DecoderOptions(), make)
    assert templates_running() == 0


def test_memory_that_cannot_be_had(tmp_path: Path) -> None:
    def make(spec: DecoderSpec, blocks: int) -> NativeDecoder:
        raise MemoryError("no pages left")

    sentence = r"^'.*tiny\.gguf' with a KV cache of 128 blocks, 1 MiB, does not fit into memory: no pages left$"
    with pytest.raises(LoadError, match=sentence):
        opened(artifact(tmp_path), DecoderOptions(kv_cache_mib=1), make)
    assert templates_running() == 0


def test_what_fails_late_leaves_nothing_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[NativeDecoder] = []

    def describe(self: NativeDecoder) -> dict[str, str]:
        raise RuntimeError("nothing to say")

    def closing(self: NativeDecoder) -> None:
        closed.append(self)
        close(self)

    close = NativeDecoder.close
    monkeypatch.setattr(NativeDecoder, "describe", describe)
    monkeypatch.setattr(NativeDecoder, "close", closing)
    with pytest.raises(RuntimeError, match="nothing to say"):
        opened(artifact(tmp_path), DecoderOptions(kv_cache_mib=1), native)
    assert [decoder._handle for decoder in closed] == [None]
    assert templates_running() == 0


@in_loop
async def test_a_warm_up_that_fails_is_why_it_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = artifact(tmp_path).source
    closed: list[Any] = []
    close = NativeDecoder.close

    def run(self: NativeDecoder, rows: TokenRows) -> None:
        raise RuntimeError("a lane is missing")

    def closing(self: NativeDecoder) -> None:
        closed.append(self)
        close(self)

    monkeypatch.setattr(NativeDecoder, "run", run)
    monkeypatch.setattr(NativeDecoder, "close", closing)
    sentence = "the decoder failed to warm up with 1 tokens: RuntimeError: a lane is missing"
    with pytest.raises(LoadError, match=re.escape(sentence)):
        async with _server(source):
            raise AssertionError("it is ready")
    assert closed
    assert closed[0]._handle is None
    assert templates_running() == 0


@in_loop
async def test_a_server_that_stops_ends_the_templates(tmp_path: Path) -> None:
    async with _server(artifact(tmp_path).source) as server:
        about = server.model("m").version("").about
        assert isinstance(about, Language)
        assert templates_running() == 1
    assert templates_running() == 0


def _server(source: str) -> Server:
    model = {"source": source, "backend": {"name": "native", "kv_cache_mib": 1}}
    return Server({"models": {"m": model}, "endpoints": {}, "observers": {}})
