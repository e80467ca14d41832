"""Executor of a compiled model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jackfield import Array, Capabilities, Datatype, Signature, TensorExecutor
from jackfield.errors import ExecutionFailed, InvalidRequest

from jackfield_openvino.signature import DATATYPES


class OpenVinoExecutor(TensorExecutor):
    """Runs one inference request over and over. Arrays go in without a copy; what comes out is copied out of the
    request's memory, which the next step writes to. OpenVINO releases the interpreter's lock while it runs."""

    def __init__(self, compiled: Any, signature: Signature) -> None:
        super().__init__(signature, Capabilities(datatypes=frozenset(DATATYPES.values())))
        self._compiled = compiled
        self._request = compiled.create_infer_request()
        self._ports = {port.any_name: port for port in compiled.outputs}
        self._text = frozenset(spec.name for spec in signature.inputs if spec.datatype is Datatype.BYTES)

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Raises InvalidRequest for text that is not UTF-8, ExecutionFailed with OpenVINO's reason."""
        given = {name: _texts(name, one) if name in self._text else one for name, one in inputs.items()}
        try:
            results = self._request.infer(given, share_inputs=True, share_outputs=False)
        except Exception as error:
            raise ExecutionFailed(_reason(error)) from error
        return {name: _array(results[self._ports[name]]) for name in outputs}

    def close(self) -> None:
        """Let go of the request and the model, and with them of the device's memory."""
        self._request = self._compiled = None
        self._ports = {}


def _texts(name: str, array: Array) -> Array:
    """Bytes as text, which is what OpenVINO takes."""
    try:
        return np.array([one.decode() for one in array.ravel().tolist()], dtype=np.str_).reshape(array.shape)
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"input '{name}' is not UTF-8 text ({error.reason} at byte {error.start})") from None


def _array(array: Array) -> Array:
    if array.dtype.kind not in "SU":
        return array
    out = np.empty(array.shape, object)
    flat = [one.encode() if isinstance(one, str) else one for one in array.ravel().tolist()]
    out.reshape(-1)[:] = flat
    return out


def _reason(error: Exception) -> str:
    """What OpenVINO says, without the places in its own source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (told or lines or [type(error).__name__])[-1]
