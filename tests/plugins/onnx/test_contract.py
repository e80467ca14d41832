"""Loader and backend of ONNX models keep to the contracts of their sockets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jackfield import Artifact
from jackfield.testing import BackendContract, LoaderContract
from jackfield_plugins.onnx.backend import OnnxRuntimeBackend, OnnxRuntimeOptions
from jackfield_plugins.onnx.loader import OnnxLoader, OnnxLoaderOptions
from tests.plugins.onnx import graphs


class TestLoader(LoaderContract):
    def loader(self) -> OnnxLoader:
        return OnnxLoader(OnnxLoaderOptions())

    def write(self, folder: Path) -> str:
        return str(graphs.save(graphs.mlp(), folder / "model.onnx"))

    def others(self) -> Sequence[str]:
        return ["model.pt2", "package.module:Class", "file.py:Class", "model.onnx.txt"]


class TestLoaderOfAFolder(TestLoader):
    def write(self, folder: Path) -> str:
        graphs.save(graphs.mlp(), folder / "model.onnx")
        return str(folder)


class TestBackend(BackendContract):
    def backend(self) -> OnnxRuntimeBackend:
        return OnnxRuntimeBackend(OnnxRuntimeOptions(threads=1))

    def artifact(self, folder: Path) -> Artifact:
        return OnnxLoader(OnnxLoaderOptions()).load(str(graphs.save(graphs.mlp(), folder / "model.onnx")))


class TestBackendWithTexts(TestBackend):
    def artifact(self, folder: Path) -> Artifact:
        path = graphs.save(graphs.identity(graphs.TensorProto.STRING), folder / "model.onnx")
        return OnnxLoader(OnnxLoaderOptions()).load(str(path))
