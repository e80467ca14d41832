"""Finding the class that a source names."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jackfield.errors import LoadError
from jackfield_plugins.python.source import find, split, told

MODEL = """
from __future__ import annotations
from dataclasses import dataclass
import numpy as np
from numpy.typing import NDArray

@dataclass
class Out:
    y: NDArray[np.float32]

class Model:
    answer = 1
    def predict(self, x: NDArray[np.float32]) -> Out:
        return Out(x)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.py"
    path.write_text(MODEL)
    return path


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("model.py:Model", ("model.py", "Model")),
        ("/a/b c/model.py:_M1", ("/a/b c/model.py", "_M1")),
        (r"C:\m\model.py:Model", (r"C:\m\model.py", "Model")),
        ("package.module:Model", ("package.module", "Model")),
        ("module:Model", ("module", "Model")),
        *(
            (other, None)
            for other in ("model.py", "package.module", "models/mlp.onnx", "http://host:80", "a/b:C", ":C")
        ),
        *((other, None) for other in ("model.py:", "model.py:1M", "model.py:a.b", "")),
    ],
)
def test_a_source_is_a_place_and_a_class(source: str, parts: tuple[str, str] | None) -> None:
    assert split(source) == parts


def test_a_class_of_a_file(file: Path) -> None:
    cls = find(f"{file}:Model")
    assert cls.__name__ == "Model"
    assert sys.modules[cls.__module__].__file__ == str(file)


def test_a_file_that_changed_is_run_anew(file: Path) -> None:
    assert find(f"{file}:Model").answer == 1  # type: ignore[attr-defined]
    file.write_text(MODEL.replace("answer = 1", "answer = 2"))  # same size, within the same second
    assert find(f"{file}:Model").answer == 2  # type: ignore[attr-defined]
    assert not (file.parent / "__pycache__").exists()


def test_a_class_of_a_package() -> None:
    assert find("tests.plugins.python.classes:Double").__name__ == "Double"


@pytest.mark.parametrize(
    ("source", "right"),
    [("m.py", "m.py:Class"), ("package.module", "package.module:Class"), ("model.zip/x", "file.py:Class")],
)
def test_a_class_must_be_named(source: str, right: str) -> None:
    with pytest.raises(LoadError) as caught:
        find(source)
    assert str(caught.value) == (
        f"source '{source}' does not name a class, and naming one is the consent to run its code: write '{right}'"
    )


def test_a_folder_is_no_class(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"write '.*/model\.py:Class'$"):
        find(str(tmp_path))


def test_a_class_that_is_not_there_is_named_with_those_that_are(file: Path) -> None:
    with pytest.raises(LoadError, match=r"there is no class 'Modell'; classes that it defines: 'Out', 'Model'$"):
        find(f"{file}:Modell")
    with pytest.raises(LoadError, match=r"there is no class 'np'"):
        find(f"{file}:np")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"file '.*none\.py' cannot be read: No such file or directory$"):
        find(f"{tmp_path}/none.py:Model")


def test_a_file_that_raises_leaves_nothing_behind(file: Path) -> None:
    before = set(sys.modules)
    file.write_text("class Model: pass\nraise ValueError('broken\\nhere')")
    with pytest.raises(LoadError, match=r"running '.*model\.py' raised ValueError: broken$"):
        find(f"{file}:Model")
    file.write_text("\ndef broken(:")
    with pytest.raises(LoadError, match=r"raised SyntaxError: .* in line 2$"):
        find(f"{file}:Model")
    assert set(sys.modules) == before


def test_a_file_that_breaks_leaves_its_predecessor(file: Path) -> None:
    module = find(f"{file}:Model").__module__
    working = sys.modules[module]
    file.write_text("raise ValueError")
    with pytest.raises(LoadError, match=r"raised ValueError$"):
        find(f"{file}:Model")
    assert sys.modules[module] is working


def test_a_module_that_cannot_be_imported_is_named() -> None:
    with pytest.raises(LoadError, match=r"importing 'no_such_package.m' raised ModuleNotFoundError: No module named"):
        find("no_such_package.m:Model")


def test_an_exception_is_told_in_one_line() -> None:
    assert told(ValueError(" first\nsecond")) == "ValueError: first"
    assert told(KeyError()) == "KeyError"
