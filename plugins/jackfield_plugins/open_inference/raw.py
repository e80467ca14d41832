"""A body that is nothing but the bytes of one input."""

from __future__ import annotations

from math import prod

import numpy as np

from jackfield import Array, Request, Signature, TensorSpec
from jackfield.errors import InvalidRequest
from jackfield_plugins.open_inference.binary import from_binary
from jackfield_plugins.open_inference.datatypes import KINDS, Kind


def decode_raw(body: bytes, signature: Signature, model: str, version: str) -> Request:
    """A request with `body` as the model's one input; how long its open axis is follows from how long the body is.

    Raises InvalidRequest if the model has several inputs, or the body does not fit.
    """
    required = [spec for spec in signature.inputs if not spec.optional] or list(signature.inputs)
    if len(required) != 1:
        raise InvalidRequest(
            f"a raw binary request needs a model with one input, and model '{model}' has {len(required)}: send the "
            "inputs' names and shapes as JSON, with 'Inference-Header-Content-Length'"
        )
    spec = required[0]
    kind = KINDS[spec.datatype]
    return Request(model, {spec.name: _array(body, spec, kind)}, version)


def _array(body: bytes, spec: TensorSpec, kind: Kind) -> Array:
    if kind.itemsize == 0:
        shape = _with_open(spec, 1)
        if prod(shape) != 1:
            raise InvalidRequest(f"input '{spec.name}' has {prod(shape)} elements: a raw binary request gives it one")
        array = np.empty(1, object)
        array[0] = body
        return array.reshape(shape)
    row = prod(_with_open(spec, 1)) * kind.itemsize
    length = len(body) // row if row else 0
    shape = _with_open(spec, length)
    count = prod(shape)
    if count * kind.itemsize != len(body):
        raise InvalidRequest(
            f"input '{spec.name}' takes {kind.name} of shape {list(spec.shape or (-1,))}, which a body of {len(body)} "
            "bytes does not fit"
        )
    return from_binary(spec.name, kind, shape, count, body, 0, len(body))


def _with_open(spec: TensorSpec, length: int) -> tuple[int, ...]:
    """The input's shape with its open axis set to `length`; a batch axis beside another open one is one row."""
    shape = spec.shape if spec.shape is not None else (-1,)
    open_axes = [axis for axis, size in enumerate(shape) if size == -1]
    if len(open_axes) > 1 and spec.batch_axis in open_axes:
        open_axes.remove(spec.batch_axis)
    if len(open_axes) > 1:
        raise InvalidRequest(
            f"input '{spec.name}' has several open axes {list(shape)}, and a raw binary request cannot tell how long "
            "they are"
        )
    return tuple(length if axis in open_axes else 1 if size == -1 else size for axis, size in enumerate(shape))
