"""From an ONNX file to a network of TensorRT's, and to the signature that it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jackfield import Datatype, Signature, TensorSpec
from jackfield.axes import with_batch_axis
from jackfield.errors import LoadError
from jackfield_plugins.tensorrt.module import Module

DATATYPES = {
    "FLOAT": Datatype.FP32,
    "HALF": Datatype.FP16,
    "BF16": Datatype.BF16,
    "INT64": Datatype.INT64,
    "INT32": Datatype.INT32,
    "INT8": Datatype.INT8,
    "UINT8": Datatype.UINT8,
    "BOOL": Datatype.BOOL,
}
"""Of the types that tensors of a network can have, those that have a counterpart outside."""


@dataclass(slots=True)
class Network:
    """A parsed network. The builder that made it and its parser must live as long as it does."""

    module: Module
    builder: Any
    network: Any
    parser: Any
    signature: Signature


def parse(module: Module, path: Path, source: str, strongly_typed: bool) -> Network:
    """Parse the file at `path`, which the configuration calls `source`. Raises LoadError that says which operator, or
    which type of a tensor, TensorRT does not take."""
    api = module.api
    try:
        builder = api.Builder(module.logger)
    except Exception as error:  # TensorRT proper wants a driver for it
        raise LoadError(f"{module.name} gives no builder here: {module.why()}") from error
    network = builder.create_network(module.network_flags(strongly_typed))
    parser = api.OnnxParser(network, module.logger)
    if not parser.parse_from_file(str(path)):  # by its path, so that weights in files beside it are found
        raise LoadError(f"{module.name} cannot parse '{source}': {_problem(parser, path)}")
    names = _axes_of_outputs(path)
    inputs = tuple(_spec("input", network.get_input(n), {}) for n in range(network.num_inputs))
    outputs = tuple(_spec("output", network.get_output(n), names) for n in range(network.num_outputs))
    return Network(module, builder, network, parser, with_batch_axis(Signature(inputs, outputs)))


def _axes_of_outputs(path: Path) -> dict[str, tuple[str, ...]]:
    """The names of the outputs' axes, which TensorRT's parser drops. Without the package `onnx` there are none."""
    try:
        import onnx
    except ImportError:
        return {}
    graph = onnx.load(str(path), load_external_data=False).graph
    return {one.name: tuple(axis.dim_param for axis in one.type.tensor_type.shape.dim) for one in graph.output}


def _spec(role: str, tensor: Any, known: Mapping[str, tuple[str, ...]]) -> TensorSpec:
    kind = tensor.dtype.name
    datatype = DATATYPES.get(kind)
    if datatype is None:
        raise LoadError(f"{role} '{tensor.name}' is of type {kind}, which is none of the tensors that can be served")
    shape = tuple(int(length) for length in tensor.shape)
    names = known.get(tensor.name) or tuple(tensor.get_dimension_name(axis) or "" for axis in range(len(shape)))
    if len(names) != len(shape):
        names = ("",) * len(shape)
    axes = tuple(name if length == -1 else "" for name, length in zip(names, shape, strict=True))
    return TensorSpec(tensor.name, datatype, shape, axes if any(axes) else ())


def _problem(parser: Any, path: Path) -> str:
    """The first thing that the parser says, with the operator that it is about, and without paths of this machine."""
    if parser.num_errors == 0:
        return "it does not say why"
    error = parser.get_error(0)
    about = f"operator '{error.node_name()}' ({error.node_operator()}): " if error.node_name() else ""
    lines = str(error.desc()).splitlines()
    text = about + (lines[0] if lines else "it does not say why")
    for folder in (path.parent.resolve(), path.parent):
        if folder.name:
            text = text.replace(f"{folder}/", "").replace(str(folder), folder.name)
    return text
