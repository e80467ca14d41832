"""What a batching policy's wish to pad comes to for one model: checked against the signature, and proved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from jackfield.config.models import WarmUp
from jackfield.errors import LoadError
from jackfield.interfaces import TensorExecutor
from jackfield.lifecycle.company import check, pairs
from jackfield.padding import PadAxis, PaddedAxis, Padding, PadOptions
from jackfield.types import Datatype, Signature, TensorSpec


def settle_padding(executor: TensorExecutor, pad: PadOptions, length: int, declared: WarmUp | None) -> Padding:
    """Set the executor's `padding` to what `pad` means for its signature, and return it. `length`: one of open axes
    that the model takes. Raises LoadError if there is nothing to pad, or if padded rows are not answered as alone."""
    if not executor.signature.batched:
        raise LoadError(
            "`pad` is of no use for this model: its requests never share a step, since it has no batch axis"
        )
    if not executor.capabilities.padding:
        raise LoadError("`pad` is not possible with this model's backend: it does not take padded inputs")
    signature = _named(executor.signature, pad.axes)
    axes = tuple(
        PaddedAxis(axis.name, (axis.buckets or pad.buckets).ascending()) for axis in pad.axes or _open_axes(signature)
    )
    padding = Padding(signature, axes, pad.budget, {})
    _check_places(padding)
    padding = replace(padding, fill={name: _fill(signature.by_name[name], pad) for name in padding.inputs})
    for name in pad.fill:
        if name not in padding.inputs:
            known = ", ".join(f"'{one}'" for one in padding.inputs)
            raise LoadError(f"`pad.fill` names input '{name}', which is not padded: those that are, are {known}")
    executor.signature, executor.padding = signature, padding
    if pad.prove:
        _prove(executor, padding, length, declared)
    return padding


def _named(signature: Signature, axes: Sequence[PadAxis]) -> Signature:
    """`signature` with the names that the configuration gives to axes, so that they must agree within a request."""
    inputs = {spec.name: spec for spec in signature.inputs}
    outputs = {spec.name: spec for spec in signature.outputs}
    for axis in axes:
        for role, specs, wanted in (("input", inputs, axis.inputs), ("output", outputs, axis.outputs)):
            for name, number in wanted.items():
                if name not in specs:
                    known = ", ".join(f"'{one}'" for one in specs)
                    raise LoadError(
                        f"`pad` names {role} '{name}' for axis '{axis.name}', which the model does not have: "
                        f"it has {known}"
                    )
                specs[name] = _with_name(specs[name], role, number, axis.name)
    return Signature(tuple(inputs.values()), tuple(outputs.values()))


def _with_name(spec: TensorSpec, role: str, number: int, name: str) -> TensorSpec:
    shape = spec.shape
    if shape is None or number >= len(shape) or number == spec.batch_axis or shape[number] != -1:
        given = "of any shape" if shape is None else f"of shape {list(shape)}"
        raise LoadError(
            f"`pad` names axis {number} of {role} '{spec.name}', which cannot be padded: '{spec.name}' is {given} with "
            f"batch axis {spec.batch_axis}, and only its other axes of any length (-1) can be"
        )
    axes = list(spec.axes) or [""] * len(shape)
    axes[number] = name
    return replace(spec, axes=tuple(axes))


def _open_axes(signature: Signature) -> Sequence[PadAxis]:
    """All that can be padded, as the signature names them."""
    names = {
        name: None
        for spec in signature.inputs
        if spec.batch_axis is not None and spec.shape is not None
        for number, name in enumerate(spec.axes)
        if name and number != spec.batch_axis and spec.shape[number] == -1
    }
    if not names:
        shapes = ", ".join(
            f"'{s.name}' {'of any shape' if s.shape is None else list(s.shape)}" for s in signature.inputs
        )
        raise LoadError(
            "`pad` has nothing to pad: no input has an axis of any length, other than the batch, with a name in the "
            f"model's signature; the inputs are {shapes}, and `pad.axes` can name an axis of theirs"
        )
    return [PadAxis(name=name) for name in names]


def _check_places(padding: Padding) -> None:
    signature = padding.signature
    names = [axis.name for axis in padding.axes]
    for place, axis in enumerate(padding.axes):
        if names.count(axis.name) > 1:
            raise LoadError(f"`pad.axes` names axis '{axis.name}' twice")
        if not any(index == place for axes in padding.inputs.values() for _, index in axes):
            known = (
                ", ".join(f"'{n}'" for n in dict.fromkeys(n for s in signature.inputs for n in s.axes) if n) or "none"
            )
            raise LoadError(
                f"`pad.axes` names axis '{axis.name}', which no input has beside its batch axis: named axes of inputs "
                f"are {known}; say by `inputs` where it stands"
            )
    for name, axes in padding.inputs.items():
        spec = signature.by_name[name]
        for number, place in axes:
            if spec.ragged:
                raise LoadError(f"`pad` cannot pad input '{name}': its rows may differ in shape as they are")
            if spec.batch_axis is None or (spec.shape is not None and spec.shape[number] != -1):
                why = "it has no batch axis" if spec.batch_axis is None else f"its length is {spec.shape[number]}"  # type: ignore[index]
                raise LoadError(f"`pad` cannot pad axis '{padding.axes[place].name}' of input '{name}': {why}")


def _fill(spec: TensorSpec, pad: PadOptions) -> Any:
    """The value that fills `spec`, of its own dtype."""
    given = pad.fill.get(spec.name)
    text = spec.datatype is Datatype.BYTES
    if isinstance(given, str) != text and given is not None:
        expected = "a text" if text else "a number"
        raise LoadError(
            f"`pad.fill` gives {given!r} for input '{spec.name}' of datatype {spec.datatype}: {expected} fits"
        )
    if text:
        return str(given or "").encode()
    number = float(given or 0.0)
    if spec.datatype is Datatype.BF16:
        return np.uint16(np.float32(number).view(np.uint32) >> 16)
    with np.errstate(all="ignore"):
        value = np.asarray(number).astype(spec.dtype)[()]
    if spec.dtype.kind != "f" and float(value) != number:
        raise LoadError(f"`pad.fill` gives {number:g} for input '{spec.name}', and {spec.datatype} cannot hold it")
    return value


def _prove(executor: TensorExecutor, padding: Padding, length: int, declared: WarmUp | None) -> None:
    """Each axis by itself, and then all together."""
    alone: list[Mapping[str, list[int]]] = [
        {name: [number for number, index in axes if index == place] for name, axes in padding.inputs.items()}
        for place in range(len(padding.axes))
    ]
    everything = {name: [number for number, _ in axes] for name, axes in padding.inputs.items()}
    names = [f"axis '{axis.name}'" for axis in padding.axes]
    if len(alone) > 1:
        alone.append(everything)
        names.append("axes " + " and ".join(f"'{axis.name}'" for axis in padding.axes))
    longer = 2 * max(padding.rounded([length] * len(padding.axes)))
    limit = min((axis.buckets[-1] for axis in padding.axes), default=longer)
    if length < limit < longer:
        longer = limit
    for what, axes in zip(names, alone, strict=True):
        rows = pairs(executor, length, longer, axes, declared)
        check(
            executor,
            rows,
            f"{what} cannot be padded",
            f"tried with lengths {length} and {longer}; `pad.prove: false` loads the model all the same",
        )
