"""Backend `openvino`: ONNX models on whatever OpenVINO finds here, which is at least the processor.

`devices` asks OpenVINO what there is, `signature` translates what a model says of its tensors, `backend` compiles, and
`executor` runs.
"""

from __future__ import annotations

from collections.abc import Mapping

from jackfield import Backend, hookimpl

from jackfield_openvino.backend import OpenVinoBackend

jackfield_api = "1.0"


@hookimpl
def jackfield_backends() -> Mapping[str, type[Backend]]:
    """OpenVINO."""
    return {"openvino": OpenVinoBackend}
