"""Executor of an ONNX Runtime session."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from jackfield import Array, Capabilities, Datatype, Signature, TensorExecutor
from jackfield.errors import ExecutionFailed, InvalidRequest

_BFLOAT16 = 16  # its number in onnx.TensorProto.DataType


class OnnxExecutor(TensorExecutor):
    """Runs one session. Arrays go in without a copy and come out as the runtime's own.

    Strings are converted (UTF-8), and with a bfloat16 tensor anywhere all tensors of a step go through OrtValues, since
    NumPy has no such dtype. `signature` may be replaced by one with other batch axes before the first step.
    """

    def __init__(self, session: Any, signature: Signature, capabilities: Capabilities) -> None:
        super().__init__(signature, capabilities)
        self._session = session
        used = {spec.datatype for spec in (*signature.inputs, *signature.outputs)}
        self._strings = frozenset(s.name for s in signature.inputs if s.datatype is Datatype.BYTES)
        self._halves = frozenset(s.name for s in signature.inputs if s.datatype is Datatype.BF16)
        self._values = Datatype.BF16 in used
        self._plain = not self._values and Datatype.BYTES not in used

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Run the session. Raises InvalidRequest for text that is not UTF-8, else ExecutionFailed."""
        try:
            if self._plain:
                return dict(zip(outputs, self._session.run(outputs, inputs), strict=True))
            feed = {n: _decode(n, a) if n in self._strings else a for n, a in inputs.items()}
            if self._values:
                return self._run_values(feed, outputs)
            results = self._session.run(outputs, feed)
        except InvalidRequest:
            raise
        except Exception as error:
            raise ExecutionFailed(reason(error)) from error
        return {n: _encode(a) if a.dtype.kind in "OU" else a for n, a in zip(outputs, results, strict=True)}

    def close(self) -> None:
        """Let go of the session, and with it of the device's memory."""
        self._session = None

    def _run_values(self, feed: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        from onnxruntime import OrtValue

        values = {
            name: OrtValue.ortvalue_from_numpy_with_onnx_type(np.ascontiguousarray(array), _BFLOAT16)
            if name in self._halves
            else OrtValue.ortvalue_from_numpy(array)
            for name, array in feed.items()
        }
        results = self._session.run_with_ort_values(list(outputs), values)
        return {name: _array(value) for name, value in zip(outputs, results, strict=True)}


def _array(value: Any) -> Array:
    if value.data_type() != "tensor(bfloat16)":
        array: Array = value.numpy()
        return _encode(array) if array.dtype.kind in "OU" else array
    shape = tuple(value.shape())
    bits = np.empty(shape, np.uint16)
    if bits.size:  # the runtime hands out no array of this type: copy the bits from its memory
        ctypes.memmove(bits.ctypes.data, value.data_ptr(), bits.nbytes)
    return bits


def _decode(name: str, array: Array) -> Array:
    """Object array of bytes to object array of str."""
    text = np.empty(array.size, object)
    for index, item in enumerate(array.ravel().tolist()):
        try:
            text[index] = item.decode() if isinstance(item, bytes) else item
        except UnicodeDecodeError as error:
            raise InvalidRequest(
                f"input '{name}': element {index} is not UTF-8 text ({error.reason} at byte {error.start})"
            ) from None
    return text.reshape(array.shape)


def _encode(array: Array) -> Array:
    """Array of str to object array of bytes."""
    raw = np.empty(array.size, object)
    raw[:] = [item.encode() for item in array.ravel().tolist()]
    return raw.reshape(array.shape)


def reason(error: Exception) -> str:
    """The runtime's first line, without places in its own source."""
    text = (str(error).splitlines() or [type(error).__name__])[0]
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    return re.sub(r"/onnxruntime_src/\S+ ", "", text).strip()
