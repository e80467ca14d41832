"""The loader `onnx`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from jackfield.errors import LoadError
from jackfield_plugins.onnx.loader import OnnxLoader, OnnxLoaderOptions
from tests.plugins.onnx import graphs


def loader(**options: object) -> OnnxLoader:
    return OnnxLoader(OnnxLoaderOptions.model_validate(options))


@pytest.fixture
def mlp(tmp_path: Path) -> Path:
    return graphs.save(graphs.mlp(), tmp_path / "model.onnx")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_and_the_folder_that_holds_only_it_are_one_model(mlp: Path) -> None:
    for source in (mlp, mlp.parent):
        assert OnnxLoader.detects(str(source))
        artifact = loader().load(str(source))
        assert (artifact.kind, artifact.source, artifact.content) == ("onnx", str(source), mlp)
        assert artifact.signature is None
        assert not artifact.declared_batch


def test_other_things_are_not_detected(tmp_path: Path) -> None:
    graphs.save(graphs.mlp(), tmp_path / "a.onnx")
    graphs.save(graphs.mlp(), tmp_path / "b.onnx")
    assert not OnnxLoader.detects(str(tmp_path))
    assert not OnnxLoader.detects(str(tmp_path / "model.pt2"))
    assert not OnnxLoader.detects("package.module:Class")
    assert not OnnxLoader.detects("a\x00b")


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"^source '.*none\.onnx' does not exist$"):
        loader().load(str(tmp_path / "none.onnx"))


def test_a_folder_must_hold_exactly_one_model(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"must hold exactly one .onnx file, and holds none"):
        loader().load(str(tmp_path))
    for name in ("b.onnx", "a.onnx"):
        graphs.save(graphs.mlp(), tmp_path / name)
    with pytest.raises(LoadError, match=r"holds 'a.onnx', 'b.onnx': name the file itself"):
        loader().load(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"not a model, not at all", b"\x3a\x7f\x0a"])
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(LoadError, match=r"is not an ONNX model, or is truncated: "):
        loader().load(str(tmp_path / "m.onnx"))


def test_a_pinned_hash_is_checked(mlp: Path) -> None:
    right, wrong = sha256(mlp), "0" * 64
    loader(sha256=right).load(str(mlp))
    with pytest.raises(LoadError, match=f"has sha256 {right}, and the configuration pins {wrong}"):
        loader(sha256=wrong).load(str(mlp))


def test_a_pin_that_is_no_hash_is_an_error_of_the_configuration() -> None:
    with pytest.raises(ValidationError, match=r"should match pattern"):
        loader(sha256="abc")


def test_a_pin_covers_external_weights_too(tmp_path: Path) -> None:
    path = graphs.save(graphs.external("w.bin"), tmp_path / "m.onnx")
    np.ones(12, np.float32).tofile(tmp_path / "w.bin")
    with pytest.raises(LoadError, match=r"sha256 pins nothing for 'w.bin', .* for 'm.onnx', 'w.bin'"):
        loader(sha256=sha256(path)).load(str(path))
    pins = {"m.onnx": sha256(path), "w.bin": sha256(tmp_path / "w.bin")}
    loader(sha256=pins).load(str(path))
    np.zeros(12, np.float32).tofile(tmp_path / "w.bin")
    with pytest.raises(LoadError, match=r"'w.bin' of '.*m.onnx' has sha256"):
        loader(sha256=pins).load(str(path))


def test_external_weights_stay_within_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    outside = tmp_path / "outside.bin"
    np.ones(12, np.float32).tofile(outside)
    (folder / "link.bin").symlink_to(outside)
    for place in ("../outside.bin", str(outside), "link.bin", "a\x00b"):
        path = graphs.save(graphs.external(place), folder / "m.onnx")
        with pytest.raises(LoadError, match=r"takes weights from .*, which is outside the model's folder"):
            loader().load(str(path))
    path = graphs.save(graphs.external("missing.bin"), folder / "m.onnx")
    with pytest.raises(LoadError, match=r"takes weights from 'missing.bin', which is not in the model's folder"):
        loader().load(str(path))
