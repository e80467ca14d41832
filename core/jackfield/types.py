"""The vocabulary of data: datatypes, tensors, signatures, devices."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Datatype(StrEnum):
    """The datatypes of the Open Inference Protocol.

    `BF16` has no NumPy counterpart: its arrays are `uint16` holding the raw bits. `BYTES` arrays are object
    arrays of `bytes`.
    """

    BOOL = "BOOL"
    UINT8 = "UINT8"
    UINT16 = "UINT16"
    UINT32 = "UINT32"
    UINT64 = "UINT64"
    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    FP16 = "FP16"
    BF16 = "BF16"
    FP32 = "FP32"
    FP64 = "FP64"
    BYTES = "BYTES"

    @property
    def numpy(self) -> np.dtype[Any]:
        """The dtype of the arrays that carry this datatype (`object` for BYTES, `uint16` bits for BF16)."""
        return _NUMPY[self]

    @property
    def itemsize(self) -> int:
        """Bytes of one element on the wire; 0 for BYTES, whose elements differ in length."""
        return 0 if self is Datatype.BYTES else _NUMPY[self].itemsize

    @classmethod
    def of(cls, dtype: np.dtype[Any]) -> Datatype:
        """The datatype that carries arrays of `dtype`; raises ValueError naming it if there is none."""
        if dtype.kind in "OSU":
            return cls.BYTES
        if dtype.name == "bfloat16":
            return cls.BF16
        try:
            return _FROM_NUMPY[dtype.newbyteorder("=")]
        except KeyError:
            raise ValueError(f"there is no tensor datatype for NumPy dtype '{dtype}'") from None


_NUMPY: Mapping[Datatype, np.dtype[Any]] = {
    Datatype.BOOL: np.dtype(np.bool_),
    Datatype.UINT8: np.dtype(np.uint8),
    Datatype.UINT16: np.dtype(np.uint16),
    Datatype.UINT32: np.dtype(np.uint32),
    Datatype.UINT64: np.dtype(np.uint64),
    Datatype.INT8: np.dtype(np.int8),
    Datatype.INT16: np.dtype(np.int16),
    Datatype.INT32: np.dtype(np.int32),
    Datatype.INT64: np.dtype(np.int64),
    Datatype.FP16: np.dtype(np.float16),
    Datatype.BF16: np.dtype(np.uint16),
    Datatype.FP32: np.dtype(np.float32),
    Datatype.FP64: np.dtype(np.float64),
    Datatype.BYTES: np.dtype(object),
}
_FROM_NUMPY = {dtype: name for name, dtype in _NUMPY.items() if name is not Datatype.BF16}


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a model.

    `shape` holds -1 for an axis of any length; None means that even the number of axes is open.
    `axes` names axes (empty strings for unnamed ones): axes of one name have one length within a request.
    `batch_axis` is the axis along which requests are joined; None where the tensor has none, and then requests
    share a step only if they agree on its value. `dtype` is its arrays', `fixed` the (axis, length) of those axes that
    have one length only. `ragged`: rows may differ in shape within a step, if the executor's capabilities say so.
    """

    name: str
    datatype: Datatype
    shape: tuple[int, ...] | None
    axes: tuple[str, ...] = ()
    batch_axis: int | None = None
    optional: bool = False
    ragged: bool = False
    dtype: np.dtype[Any] = field(init=False, compare=False, repr=False)
    fixed: tuple[tuple[int, int], ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", self.datatype.numpy)
        fixed = tuple((axis, length) for axis, length in enumerate(self.shape or ()) if length != -1)
        object.__setattr__(self, "fixed", fixed)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model takes and gives. Immutable, thread-safe.

    `batched`: requests can share a step, since some input and every output has a batch axis. `named_axes`: axes of one
    name stand in several places, and must agree there. `ragged`: some input's rows may differ in shape within a step.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    by_name: Mapping[str, TensorSpec] = field(init=False, compare=False, repr=False)
    required: frozenset[str] = field(init=False, compare=False, repr=False)
    output_names: tuple[str, ...] = field(init=False, compare=False, repr=False)
    named_axes: bool = field(init=False, compare=False, repr=False)
    batched: bool = field(init=False, compare=False, repr=False)
    ragged: bool = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {spec.name: spec for spec in self.inputs})
        object.__setattr__(self, "required", frozenset(s.name for s in self.inputs if not s.optional))
        object.__setattr__(self, "output_names", tuple(spec.name for spec in self.outputs))
        names = [axis for spec in self.inputs for axis in spec.axes if axis]
        object.__setattr__(self, "named_axes", len(set(names)) < len(names))
        joined = any(s.batch_axis is not None for s in self.inputs)
        object.__setattr__(self, "ragged", any(s.ragged and s.batch_axis is not None for s in self.inputs))
        object.__setattr__(self, "batched", joined and all(s.batch_axis is not None for s in self.outputs))


@dataclass(frozen=True, slots=True)
class Measure:
    """What a request weighs: `rows` in a step, `bytes` in a queue, and `key`, equal for those that may share a step."""

    rows: int
    bytes: int
    key: Hashable


@dataclass(frozen=True, slots=True)
class Device:
    """A place that a backend can run on. `name` is what the configuration says: `cpu`, `cuda:0`. `threads`: how many of
    the machine's own what is opened there may take, where the backend's options say nothing; None: as it finds best."""

    name: str
    kind: str
    description: str = ""
    memory_total: int | None = None
    memory_free: int | None = None
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend's executor can do, as data for policies and the lifecycle to read.

    `max_rows`: most rows of one step, None for no limit of its own. `concurrent`: `prepare` may run while another
    thread is in `execute`. `mixed_shapes`: rows of different shapes can share a step, in the tensors that the
    signature calls ragged. `padding`: axes may be padded, if the policy is told to. `datatypes`: those of tensors that
    it takes and gives, None for all. `dynamic_shapes`: axes may have another length in each step; if not, a model whose
    signature leaves an axis open, other than the batch, is refused.
    """

    max_rows: int | None = None
    concurrent: bool = True
    mixed_shapes: bool = False
    padding: bool = True
    datatypes: frozenset[Datatype] | None = None
    dynamic_shapes: bool = True

    def plain(self) -> dict[str, Any]:
        """The same as plain data."""
        data = {one.name: getattr(self, one.name) for one in fields(self)}
        return data | {"datatypes": None if self.datatypes is None else sorted(self.datatypes)}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Capabilities:
        """Out of what `plain` gave."""
        found = data["datatypes"]
        return cls(**{**data, "datatypes": None if found is None else frozenset(Datatype(one) for one in found)})
