"""Loader and backend of Python models keep to the contracts of their sockets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jackfield import Array, Artifact, Executor
from jackfield.testing import BackendContract, LoaderContract
from jackfield_plugins.python.backend import PythonBackend
from jackfield_plugins.python.loader import PythonLoader, PythonLoaderOptions

MODEL = """
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from jackfield import Shape

Rows = Annotated[NDArray[np.float32], Shape(-1, 4)]


class Square:
    def predict(self, x: Rows) -> Rows:
        if (x == -1).any():
            raise ValueError("not these")
        return x * x
"""


def written(folder: Path) -> str:
    (folder / "model.py").write_text(MODEL)
    return f"{folder / 'model.py'}:Square"


class TestLoader(LoaderContract):
    runs_code = True

    def loader(self) -> PythonLoader:
        return PythonLoader(PythonLoaderOptions())

    def write(self, folder: Path) -> str:
        return written(folder)

    def others(self) -> Sequence[str]:
        return ["model.onnx", "model.pt2", "C:\\models\\m.onnx", "model.py/Class"]


class TestBackend(BackendContract):
    def backend(self) -> PythonBackend:
        return PythonBackend(PythonBackend.options())

    def artifact(self, folder: Path) -> Artifact:
        return PythonLoader(PythonLoaderOptions()).load(written(folder))

    def faulty(self, executor: Executor) -> dict[str, Array]:
        return {"x": np.full((2, 4), -1, np.float32)}


class TestBackendWithTexts(TestBackend):
    def artifact(self, folder: Path) -> Artifact:
        return PythonLoader(PythonLoaderOptions()).load("tests.plugins.python.classes:Dict")

    def faulty(self, executor: Executor) -> dict[str, Array]:
        return {"texts": np.array([b"fine", b" "], object)}
