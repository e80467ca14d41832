from __future__ import annotations

from pathlib import Path

import pytest

from jackfield.config.sources import names, resolved


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a.onnx", "{base}/a.onnx"),
        ("./a/../b.onnx", "{base}/b.onnx"),
        ("/abs/a.onnx", "/abs/a.onnx"),
        ("model.py:Model", "{base}/model.py:Model"),
        ("./x/model.py:Model", "{base}/x/model.py:Model"),
        ("x/model:Model", "{base}/x/model:Model"),
        ("package.module:Model", "package.module:Model"),
        ("package.module:Outer.Model", "package.module:Outer.Model"),
        ("module:Model", "module:Model"),
        ("hf:org/model", "hf:org/model"),
        ("s3://bucket/a.onnx", "s3://bucket/a.onnx"),
        ("a b:c d.onnx", "{base}/a b:c d.onnx"),
    ],
)
def test_resolved(tmp_path: Path, source: str, expected: str) -> None:
    assert resolved(source, tmp_path) == expected.format(base=tmp_path)


def test_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert resolved("~/a.onnx", tmp_path) == "/home/me/a.onnx"


def test_what_exists_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "hf:model").mkdir()
    assert resolved("hf:model", tmp_path) == str(tmp_path / "hf:model")


def test_links_keep_their_names(tmp_path: Path) -> None:
    (tmp_path / "blob").touch()
    (tmp_path / "a.onnx").symlink_to(tmp_path / "blob")
    assert resolved("a.onnx", tmp_path) == str(tmp_path / "a.onnx")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("dir/minilm.onnx", "minilm"),
        ("model.py:MyModel", "mymodel"),
        ("package.module:Outer.Model", "model"),
        ("hf:org/All-MiniLM", "All-MiniLM"),
        ("model-v1.5", "model-v1.5"),
        ("hf:org/Qwen2.5-0.5B-Instruct", "Qwen2.5-0.5B-Instruct"),
        ("hf:org/tiny.en", "tiny.en"),
        ("hf:org/name/file-1.5B.Q4_0.gguf", "file-1.5B.Q4_0"),
        ("folder/", "folder"),
        ("my model (2).onnx", "my-model-2"),
        ("a..b.onnx", "a.b"),
        ("...", "model"),
        ("übung.onnx", "bung"),
        ("x" * 300 + ".onnx", "x" * 120),
    ],
)
def test_names(source: str, expected: str) -> None:
    assert names([source]) == {expected: source}


def test_names_are_unique() -> None:
    assert list(names(["a.onnx", "b/a.onnx", "a-2.onnx", "c/a.pt2"])) == ["a", "a-2", "a-2-2", "a-3"]


def test_a_folder_keeps_what_looks_like_a_suffix(tmp_path: Path) -> None:
    (tmp_path / "net.final").mkdir()
    assert list(names([str(tmp_path / "net.final")])) == ["net.final"]
