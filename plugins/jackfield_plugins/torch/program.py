"""The signature of an exported program."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from jackfield import Datatype, Signature, TensorSpec
from jackfield.errors import LoadError


@dataclass(frozen=True, slots=True)
class Described:
    """`fixed`: the values of arguments that were constants when the model was exported, by their place among all.
    `max_rows`: most rows along the candidate for the batch axis; None for no limit."""

    signature: Signature
    fixed: Mapping[int, Any]
    max_rows: int | None


def datatypes() -> dict[Any, Datatype]:
    """Datatype of each torch dtype that has one. Imports torch."""
    import torch

    names = {
        "bool": Datatype.BOOL,
        "bfloat16": Datatype.BF16,
        **{f"float{bits}": Datatype(f"FP{bits}") for bits in (16, 32, 64)},
        **{f"int{bits}": Datatype(f"INT{bits}") for bits in (8, 16, 32, 64)},
        **{f"uint{bits}": Datatype(f"UINT{bits}") for bits in (8, 16, 32, 64)},
    }
    return {getattr(torch, name): datatype for name, datatype in names.items()}


def describe(program: Any, source: str) -> Described:
    """What an ExportedProgram takes and gives.

    Inputs have the names of its graph, outputs the keys of the dict that it returns, or `output`, or `output_0`, ...;
    levels of nesting are joined by `_`. Raises LoadError if an input or output is no tensor.
    """
    known = datatypes()
    placeholders = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    inputs: list[TensorSpec] = []
    fixed: dict[int, Any] = {}
    users = [spec.arg for spec in program.graph_signature.input_specs if spec.kind.name == "USER_INPUT"]
    for place, arg in enumerate(users):
        if _is_constant(arg):
            fixed[place] = arg.value
        else:
            inputs.append(_spec(arg.name, placeholders[arg.name].meta.get("val"), known, f"input of '{source}'"))
    outputs = _outputs(program, known, source)
    signature = _with_batch_axis(Signature(tuple(inputs), outputs))
    return Described(signature, fixed, _max_rows(program, signature))


def _outputs(program: Any, known: Mapping[Any, Datatype], source: str) -> tuple[TensorSpec, ...]:
    (end,) = (node for node in program.graph.nodes if node.op == "output")
    given = zip(program.graph_signature.output_specs, end.args[0], strict=True)
    nodes = [node for spec, node in given if spec.kind.name == "USER_OUTPUT"]
    outputs: list[TensorSpec] = []
    for node, name in zip(nodes, _names(program.call_spec.out_spec, ""), strict=True):
        value = node.meta.get("val") if hasattr(node, "meta") else node
        if value is not None:
            outputs.append(_spec(name, value, known, f"output of '{source}'"))
    if not outputs:
        raise LoadError(f"'{source}' returns nothing")
    twice = {spec.name for spec in outputs if sum(other.name == spec.name for other in outputs) > 1}
    if twice:
        raise LoadError(f"'{source}' has two outputs named '{min(twice)}'")
    return tuple(outputs)


def _names(tree: Any, prefix: str) -> Iterator[str]:
    """A name for each leaf of the tree of outputs."""
    if not tree.num_children:
        if tree.num_leaves:
            yield prefix or "output"
        return
    keys: Sequence[Any] = tree.context if isinstance(tree.context, list) else range(tree.num_children)
    start = prefix or ("output" if isinstance(keys, range) else "")
    if isinstance(keys, range) and len(keys) == 1:
        yield from _names(tree.children()[0], start)
        return
    for key, child in zip(keys, tree.children(), strict=True):
        yield from _names(child, f"{start}_{key}" if start else str(key))


def _is_constant(arg: Any) -> bool:
    return type(arg).__name__ == "ConstantArgument"


def _spec(name: str, value: Any, known: Mapping[Any, Datatype], what: str) -> TensorSpec:
    if not hasattr(value, "dtype"):
        raise LoadError(f"{what} '{name}' is a {type(value).__name__}, and only tensors can be served")
    datatype = known.get(value.dtype)
    if datatype is None:
        raise LoadError(f"{what} '{name}' is of dtype {value.dtype}, for which there is no datatype")
    shape = tuple(length if isinstance(length, int) else -1 for length in value.shape)
    axes = tuple("" if isinstance(length, int) else _symbol(length) for length in value.shape)
    return TensorSpec(name, datatype, shape, axes if any(axes) else ())


def _symbol(length: Any) -> str:
    text = str(length)
    return text if text.isidentifier() else ""  # a sum or product of symbols has no name


def _with_batch_axis(signature: Signature) -> Signature:
    """A candidate for the batch: the symbol of the first open axis of an input that every output has as well, else
    axis 0 where it is open in some input and every output."""
    for spec in signature.inputs:
        symbol = next((axis for axis in spec.axes if axis), None)
        if symbol is not None and all(symbol in output.axes for output in signature.outputs):
            return _placed(signature, partial(_axis_of, symbol))
    if not all(spec.shape and spec.shape[0] == -1 for spec in signature.outputs):
        return signature
    return _placed(signature, lambda s: 0 if s.shape and s.shape[0] == -1 else None)


def _axis_of(symbol: str, spec: TensorSpec) -> int | None:
    return spec.axes.index(symbol) if symbol in spec.axes else None


def _placed(signature: Signature, axis: Callable[[TensorSpec], int | None]) -> Signature:
    return Signature(
        tuple(replace(spec, batch_axis=axis(spec)) for spec in signature.inputs),
        tuple(replace(spec, batch_axis=axis(spec)) for spec in signature.outputs),
    )


def _max_rows(program: Any, signature: Signature) -> int | None:
    ranges = {str(symbol): bounds for symbol, bounds in program.range_constraints.items()}
    limits = [
        int(ranges[spec.axes[spec.batch_axis]].upper)
        for spec in signature.inputs
        if spec.batch_axis is not None and spec.axes and spec.axes[spec.batch_axis] in ranges
        if _finite(ranges[spec.axes[spec.batch_axis]].upper)
    ]
    return min(limits, default=None)


def _finite(bound: Any) -> bool:
    # an open range ends at PyTorch's own notion of infinity, or at the largest of its integers
    try:
        return math.isfinite(float(bound)) and int(bound) < 2**31
    except (TypeError, ValueError, OverflowError):
        return False
