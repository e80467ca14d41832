"""Telling what a file is without unpickling."""

from __future__ import annotations

import pickle
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch

from jackfield_plugins.torch.archive import Kind, kind_of
from tests.plugins.torch import programs


class Trap:
    """Unpickling one of these fails the test."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("it was unpickled",))


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_torchscript_is_known_by_its_code(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    torch.jit.save(torch.jit.script(programs.Mlp()), str(path))
    assert kind_of(path) is Kind.TORCHSCRIPT


def test_an_exported_program_is_known_whatever_its_name(tmp_path: Path) -> None:
    assert kind_of(programs.mlp(tmp_path / "m.pt2").rename(tmp_path / "m.bin")) is Kind.EXPORT


def test_pickles_are_known_in_every_dress(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    torch.save({"weight": Trap()}, path)
    assert kind_of(path) is Kind.PICKLE
    torch.save({"weight": Trap()}, path, _use_new_zipfile_serialization=False)
    assert kind_of(path) is Kind.PICKLE
    path.write_bytes(pickle.dumps(Trap()))
    assert kind_of(path) is Kind.PICKLE
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("pickle"))
    assert kind_of(path) is Kind.PICKLE


def test_older_exports_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "m.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("serialized_exported_program.json", "{}")
    assert kind_of(path) is Kind.OLD_EXPORT


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 but cut off", b"text"])
def test_anything_else_is_unknown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.pt").write_bytes(content)
    assert kind_of(tmp_path / "m.pt") is Kind.UNKNOWN
