"""Backend `tensorrt`: ONNX and exported PyTorch models, built into plans for NVIDIA devices.

`module` finds TensorRT or TensorRT for RTX, which share one API, and hides where they differ. `network` parses a model,
`profiles` derives the shapes that a plan is made for, `building` makes it, `plans` keeps it on disk. `engine` opens a
plan on a device, `staging` brings tensors there and back, `graphs` replays what repeats, `executor` runs steps.
"""

from __future__ import annotations

from collections.abc import Mapping

from jackfield import Backend, hookimpl
from jackfield_plugins.tensorrt.backend import TensorRTBackend

jackfield_api = "1.0"


@hookimpl
def jackfield_backends() -> Mapping[str, type[Backend]]:
    """TensorRT."""
    return {"tensorrt": TensorRTBackend}
