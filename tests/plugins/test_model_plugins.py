"""How the plugins that open and run models announce themselves."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

import jackfield_plugins.onnx
import jackfield_plugins.python
import jackfield_plugins.torch
from jackfield.plugins.manager import Manager, Plugin
from jackfield.plugins.registry import Registry


@pytest.mark.parametrize(
    ("module", "loader", "backend"),
    [
        (jackfield_plugins.onnx, "onnx", "onnxruntime"),
        (jackfield_plugins.torch, "torch", "torch"),
        (jackfield_plugins.python, "python", "python"),
    ],
)
def test_each_brings_a_loader_and_a_backend(module: ModuleType, loader: str, backend: str) -> None:
    registry = Registry(Manager([Plugin("p", "d", "1", module.jackfield_api, module)]))
    assert {(entry.socket, entry.name) for entry in registry} == {("loader", loader), ("backend", backend)}
    assert all(entry.unavailable is None for entry in registry)


def test_importing_them_loads_no_heavy_library() -> None:
    code = (
        "import sys, jackfield_plugins.onnx, jackfield_plugins.torch, jackfield_plugins.python\n"
        "print({'torch', 'onnxruntime', 'onnx'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()"
