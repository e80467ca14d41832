"""The signature of an exported program."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from jackfield import Datatype, Signature, TensorSpec
from jackfield.errors import LoadError

Bound = tuple[str, int, int, int]
"""Input, axis, least length, greatest length."""

UNBOUNDED = 2**31


@dataclass(frozen=True, slots=True)
class Described:
    """`fixed`: the values of arguments that were constants when the model was exported, by their place among all.
    `bounds`: the lengths that the model was exported for, where they are limited; None if lengths depend on each other
    in ways that cannot be put like this, so that the program has to check them itself. `max_rows`: most rows along the
    candidate for the batch axis; None for no limit."""

    signature: Signature
    fixed: Mapping[int, Any]
    bounds: tuple[Bound, ...] | None
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
    bounds = _bounds(program, signature)
    axes = {spec.name: spec.batch_axis for spec in signature.inputs}
    most = min((last for name, axis, _, last in bounds if axis == axes[name]), default=UNBOUNDED)
    simple = all(
        bool(spec.axes and spec.axes[axis])
        for spec in signature.inputs
        for axis, length in enumerate(spec.shape or ())
        if length == -1
    )
    return Described(signature, fixed, bounds if simple else None, most if most < UNBOUNDED else None)


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


def _bounds(program: Any, signature: Signature) -> tuple[Bound, ...]:
    ranges = {str(symbol): _range(values) for symbol, values in program.range_constraints.items()}
    return tuple(
        (spec.name, axis, *ranges[symbol])
        for spec in signature.inputs
        for axis, symbol in enumerate(spec.axes)
        if symbol in ranges and ranges[symbol] != (0, UNBOUNDED)
    )


def _range(values: Any) -> tuple[int, int]:
    return max(int(values.lower), 0), min(_whole(values.upper), UNBOUNDED)


def _whole(limit: Any) -> int:
    text = str(limit)  # there are several infinities, and not all of them can be compared
    return int(text) if text.isdigit() else UNBOUNDED
