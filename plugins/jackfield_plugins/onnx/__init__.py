"""ONNX models on ONNX Runtime: loader `onnx`, backend `onnxruntime`.

`file` reads what must be known before anything is run, `loader` opens, `signature` translates types and finds the
batch axis, `devices` probes, `backend` makes sessions, `executor` runs them.
"""

from __future__ import annotations

from collections.abc import Mapping

from jackfield import Backend, Loader, hookimpl
from jackfield_plugins.onnx.backend import OnnxRuntimeBackend
from jackfield_plugins.onnx.loader import OnnxLoader

jackfield_api = "1.0"


@hookimpl
def jackfield_loaders() -> Mapping[str, type[Loader]]:
    """The loader of `.onnx` files."""
    return {"onnx": OnnxLoader}


@hookimpl
def jackfield_backends() -> Mapping[str, type[Backend]]:
    """ONNX Runtime."""
    return {"onnxruntime": OnnxRuntimeBackend}
