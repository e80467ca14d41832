"""From a folder to tokens: loader, backend, executor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jackfield import Artifact, Device
from jackfield.errors import LoadError
from jackfield_plugins.generation.checkpoints.checkpoint import FOLDER_KIND, FolderCheckpoint
from jackfield_plugins.generation.checkpoints.huggingface import HuggingFaceLoader, HuggingFaceOptions
from jackfield_plugins.generation.executor import GenerationExecutor
from jackfield_plugins.generation.serving.transformers import TransformersBackend, TransformersOptions
from tests.plugins.generation.engine import Engine
from tests.plugins.generation.transformers_decoder import made
from tests.plugins.generation.transformers_decoder.test_decoder import PROMPT, generated

CPU = Device("cpu", "cpu", "")


def load(folder: Path) -> Artifact:
    return HuggingFaceLoader(HuggingFaceOptions()).load(str(folder))


def open_with(artifact: Artifact, **options: Any) -> GenerationExecutor:
    executor = TransformersBackend(TransformersOptions(**options)).open(artifact, CPU)
    assert isinstance(executor, GenerationExecutor)
    return executor


def test_a_folder_becomes_an_executor(tmp_path: Path) -> None:
    config, name, options = made.SERVED["gemma3"]
    model = made.save(config, name, options, tmp_path)
    artifact = load(tmp_path)
    assert artifact.kind == FOLDER_KIND
    assert isinstance(artifact.content, FolderCheckpoint)
    assert (artifact.content.vocabulary, artifact.content.context) == (320, 512)
    assert list(artifact.content.seconds) == ["fetch", "configuration", "transformers", "tokenizer"]
    executor = open_with(artifact, context=128, kv_cache_mib=1)
    decoder = executor.decoder
    # 3 layers, keys and values of 2 heads of 16 numbers in fp32, 16 tokens a block
    assert (decoder.context, decoder.block_size, decoder.blocks) == (128, 16, 2**20 // (3 * 2 * 2 * 16 * 4 * 16))
    assert Engine(decoder).run(PROMPT[:40], max_tokens=12) == generated(model, PROMPT[:40], 12)
    executor.close()


def test_more_context_than_there_is_is_refused(tmp_path: Path) -> None:
    config, name, options = made.SERVED["gpt2"]
    made.save(config, name, options, tmp_path)
    with pytest.raises(LoadError, match=r"^context 600 is more than the 512 that "):
        open_with(load(tmp_path), context=600)


def test_what_is_not_there_is_named_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, name, options = made.SERVED["gpt2"]
    made.save(config, name, options, tmp_path)
    place = "jackfield_plugins.generation.checkpoints.huggingface.installed"
    monkeypatch.setattr(place, lambda: False)  # an environment without it would take minutes to make
    sentence = (
        r"is of the architecture 'GPT2LMHeadModel', and only these are known: 'BertModel', .*; "
        r"the extra `transformers` brings more: pip install 'jackfield\[text,transformers\]'$"
    )
    with pytest.raises(LoadError, match=sentence):
        load(tmp_path)
