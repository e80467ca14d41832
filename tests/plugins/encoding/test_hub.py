"""An encoder from a hub comes with what says how texts are embedded."""

from __future__ import annotations

from pathlib import Path

import pytest

from jackfield_plugins.encoding.sentences import Sentences
from jackfield_plugins.generation.checkpoints.huggingface import HuggingFaceLoader, HuggingFaceOptions
from tests.plugins.encoding import folders
from tests.plugins.encoding.test_sentences import OLD, write
from tests.plugins.generation.checkpoints.hub_server import running


def test_what_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    repository = tmp_path / "hub" / "me" / "encoder"
    folders.save("bert", repository)
    write(
        repository,
        *(f"{OLD}{kind}" for kind in ("Transformer", "Pooling", "Normalize")),
        pooling={"pooling_mode": "cls"},
    )
    folders.edit(repository / "sentence_bert_config.json", max_seq_length=20)
    (repository / "onnx").mkdir()
    (repository / "onnx" / "config.json").write_text("must not be fetched")
    with running(tmp_path / "hub") as hub:
        options = HuggingFaceOptions(endpoint=hub.endpoint, cache=str(tmp_path / "cache"))
        artifact = HuggingFaceLoader(options).load("hf:me/encoder")
    assert artifact.content.sentences == Sentences("cls", True, 20)
    assert not list((tmp_path / "cache").rglob("onnx"))
