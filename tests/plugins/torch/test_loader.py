"""The loader `torch`."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest
import torch

from jackfield import Datatype, TensorSpec
from jackfield.errors import LoadError
from jackfield_plugins.torch.loader import TorchLoader, TorchLoaderOptions
from tests.plugins.torch import programs
from tests.plugins.torch.test_archive import Trap

TENSOR = {"name": "x", "datatype": "FP32", "shape": [-1, 16]}


def loader(**options: object) -> TorchLoader:
    return TorchLoader(TorchLoaderOptions.model_validate(options))


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "m.ts"
    torch.jit.save(torch.jit.script(programs.Mlp()), str(path))
    return path


def test_it_detects_by_name_and_what_others_share_by_contents(tmp_path: Path) -> None:
    assert all(TorchLoader.detects(f"some/m{suffix}") for suffix in (".pt2", ".pt", ".pth", ".ts"))
    assert not any(TorchLoader.detects(f"some/m{suffix}") for suffix in (".onnx", ".bin", ".pkl", ".safetensors", ""))
    for name in ("m.bin", "m.pkl"):
        torch.save(Trap(), tmp_path / name)
        assert TorchLoader.detects(str(tmp_path / name))
        (tmp_path / name).write_bytes(b"something else")
        assert not TorchLoader.detects(str(tmp_path / name))
    assert not TorchLoader.detects("a\x00b.bin")


@pytest.mark.parametrize("name", ["m.pt2", "m.pt"])
def test_an_exported_program_is_opened(tmp_path: Path, name: str) -> None:
    path = programs.mlp(tmp_path / "m.pt2", min=1, max=64).rename(tmp_path / name)
    artifact = loader().load(str(path))
    assert (artifact.kind, artifact.source) == ("torch-export", str(path))
    assert isinstance(artifact.content, torch.export.ExportedProgram)
    assert artifact.signature is not None
    (x,) = artifact.signature.inputs
    assert (x.name, x.datatype, x.shape, x.batch_axis) == ("x", Datatype.FP32, (-1, 16), 0)
    assert [spec.name for spec in artifact.signature.outputs] == ["output"]
    assert artifact.metadata["max_rows"] == 64
    assert not artifact.declared_batch


@pytest.mark.parametrize("name", ["m.pt", "m.pth", "m.bin", "m.pkl", "m.pt2"])
def test_a_pickle_is_refused_unopened(tmp_path: Path, name: str) -> None:
    torch.save(Trap(), tmp_path / name)
    with pytest.raises(LoadError) as caught:
        loader().load(str(tmp_path / name))
    assert str(caught.value) == (
        f"'{tmp_path / name}' is a pickle, which can run any code when it is opened and is refused: export the model "
        "with torch.export and save it as .pt2"
    )


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_torchscript_needs_permission_and_a_signature(script: Path) -> None:
    with pytest.raises(LoadError, match=r"is TorchScript, .* and is refused: .*, or set 'allow_torchscript: true'"):
        loader().load(str(script))
    with pytest.raises(LoadError, match=r"does not say what it takes: declare 'inputs' and 'outputs'"):
        loader(allow_torchscript=True, inputs=[TENSOR]).load(str(script))
    text = {"name": "t", "datatype": "BYTES", "shape": [-1]}
    with pytest.raises(LoadError, match=r"^'t' of '.*' is declared as BYTES, of which PyTorch has no tensors$"):
        loader(allow_torchscript=True, inputs=[TENSOR], outputs=[text]).load(str(script))
    output = {"name": "y", "datatype": "FP32", "shape": [-1, 4]}
    artifact = loader(allow_torchscript=True, inputs=[TENSOR], outputs=[output]).load(str(script))
    assert (artifact.kind, artifact.content) == ("torchscript", script)
    assert artifact.signature is not None
    assert artifact.signature.inputs == (TensorSpec("x", Datatype.FP32, (-1, 16), (), 0),)
    assert artifact.signature.outputs == (TensorSpec("y", Datatype.FP32, (-1, 4), (), 0),)


def test_a_pinned_hash_is_checked_before_anything_else(tmp_path: Path) -> None:
    path = tmp_path / "m.pt2"
    path.write_bytes(b"anything")
    got = hashlib.sha256(b"anything").hexdigest()
    with pytest.raises(LoadError, match=f"has sha256 {got}, and the configuration pins {'0' * 64}$"):
        loader(sha256="0" * 64).load(str(path))
    with pytest.raises(LoadError, match=r"is no file of PyTorch's, or is truncated: export the model"):
        loader(sha256=got).load(str(path))


def test_a_source_that_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"^source '.*none\.pt2' does not exist$"):
        loader().load(str(tmp_path / "none.pt2"))
    with pytest.raises(LoadError, match=r"^source '.*' is not a file$"):
        loader().load(str(tmp_path))


def test_an_export_of_an_old_release_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.pt2", "w") as archive:
        archive.writestr("serialized_exported_program.json", "{}")
    with pytest.raises(LoadError, match=r"saved by torch.export of an old PyTorch: save it anew with 2.9 or later"):
        loader().load(str(tmp_path / "m.pt2"))


def test_truncated_and_damaged_files_are_one_sentence(tmp_path: Path) -> None:
    path = programs.mlp(tmp_path / "m.pt2")
    whole = path.read_bytes()
    for length in (0, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(LoadError, match=r"is no file of PyTorch's, or is truncated"):
            loader().load(str(path))
    path.write_bytes(whole)
    programs.rewritten(path, {"archive_version": b"99"})
    with pytest.raises(LoadError, match=r"cannot be opened as an exported program: ValueError: ") as caught:
        loader().load(str(path))
    assert "\n" not in str(caught.value)
