"""Loader and backend of PyTorch models keep to the contracts of their sockets."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jackfield import Artifact
from jackfield.testing import BackendContract, LoaderContract
from jackfield_plugins.torch.backend import TorchBackend, TorchOptions
from jackfield_plugins.torch.loader import TorchLoader, TorchLoaderOptions
from tests.plugins.torch import programs


@cache
def exported(kind: str) -> bytes:
    """The file of a program of `programs`; exporting takes long."""
    with tempfile.TemporaryDirectory() as folder:
        path: Path = getattr(programs, kind)(Path(folder) / "model.pt2")
        return path.read_bytes()


def written(kind: str, folder: Path) -> str:
    path = folder / "model.pt2"
    path.write_bytes(exported(kind))
    return str(path)


class TestLoader(LoaderContract):
    def loader(self) -> TorchLoader:
        return TorchLoader(TorchLoaderOptions())

    def write(self, folder: Path) -> str:
        return written("mlp", folder)

    def others(self) -> Sequence[str]:
        return ["model.onnx", "package.module:Class", "file.py:Class", "model.bin"]


class TestBackend(BackendContract):
    def backend(self) -> TorchBackend:
        return TorchBackend(TorchOptions(threads=1))

    def artifact(self, folder: Path) -> Artifact:
        return TorchLoader(TorchLoaderOptions()).load(written("mlp", folder))


class TestBackendWithTwoInputs(TestBackend):
    def artifact(self, folder: Path) -> Artifact:
        return TorchLoader(TorchLoaderOptions()).load(written("tokens", folder))
