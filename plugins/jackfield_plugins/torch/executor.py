"""Executor of PyTorch models, and the ways of arrays to tensors and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jackfield import Array, Capabilities, Datatype, Signature, TensorExecutor
from jackfield.errors import ExecutionFailed, InvalidRequest
from jackfield_plugins.torch.buckets import filled_up, first_rows

Arguments = Callable[[list[Any]], tuple[Sequence[Any], dict[str, Any]]]


class TorchExecutor(TensorExecutor):
    """Calls `model` with what `arguments` makes of the tensors, in the signature's order. `bounds` limits the lengths
    of inputs' axes: (input, axis, least, most). `buckets`: ascending numbers of rows that steps are filled up to, so
    that a compiled model sees few shapes; empty: steps stay as they are.

    On the CPU arrays become tensors without a copy, and tensors arrays. Whatever the model raises passes through;
    running out of memory leaves the executor usable.
    """

    def __init__(
        self,
        model: Any,
        arguments: Arguments,
        signature: Signature,
        capabilities: Capabilities,
        device: Any,
        bounds: Sequence[tuple[str, int, int, int]] = (),
        buckets: Sequence[int] = (),
    ) -> None:
        import torch

        super().__init__(signature, capabilities)
        self._torch = torch
        self._model = model
        self._arguments = arguments
        self._device = device
        self._bounds = bounds
        self._buckets = buckets
        self._on_host = device.type == "cpu"
        self._inputs = tuple(spec.name for spec in signature.inputs)
        self._halves = frozenset(spec.name for spec in signature.inputs if spec.datatype is Datatype.BF16)
        self._names = signature.output_names

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Run the model. Raises ExecutionFailed if it returns something else than its signature's tensors,
        InvalidRequest if an axis is shorter or longer than the model was exported for."""
        for name, axis, least, most in self._bounds:
            if not least <= inputs[name].shape[axis] <= most:
                raise InvalidRequest(
                    f"axis {axis} of input '{name}' has length {inputs[name].shape[axis]}, and the model was exported "
                    f"for lengths of {least} to {most}"
                )
        if not self._buckets:
            return self._ran(inputs, outputs)
        rows, filled = filled_up(self.signature, inputs, self._buckets)
        return first_rows(self.signature, self._ran(filled, outputs), rows)

    def close(self) -> None:
        """Let go of the model."""
        self._model = None

    def _ran(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """The outputs as arrays, of steps as they are."""
        return {name: self._array(tensor) for name, tensor in self._called(inputs, outputs).items()}

    def _called(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Any]:
        """The outputs as tensors, where the model leaves them."""
        with self._torch.inference_mode():
            args, kwargs = self._arguments([self._input(name, inputs) for name in self._inputs])
            result = self._model(*args, **kwargs)
            if isinstance(result, Mapping) and all(name in result for name in self._names):
                return {name: self._tensor(name, result[name]) for name in outputs}
            leaves = [leaf for leaf in _leaves(result) if leaf is not None]
            if len(leaves) != len(self._names):
                raise ExecutionFailed(f"the model returned {len(leaves)} tensors, its signature has {len(self._names)}")
            named = zip(self._names, leaves, strict=True)
            return {name: self._tensor(name, leaf) for name, leaf in named if name in outputs}

    def _input(self, name: str, inputs: dict[str, Array]) -> Any:
        """An input as a tensor on the device."""
        array = inputs[name]
        if not array.flags.c_contiguous:
            array = np.ascontiguousarray(array)
        if not array.flags.writeable:
            array = np.asarray(_Writeable(array))
        tensor = self._torch.from_numpy(array)
        if name in self._halves:
            tensor = tensor.view(self._torch.bfloat16)
        return tensor if self._on_host else tensor.to(self._device)

    def _tensor(self, name: str, value: Any) -> Any:
        if not isinstance(value, self._torch.Tensor):
            raise ExecutionFailed(f"output '{name}' is a {type(value).__name__}, and must be a tensor")
        return value.detach()

    def _array(self, tensor: Any) -> Array:
        if tensor.dtype is self._torch.bfloat16:
            tensor = tensor.view(self._torch.uint16)
        array: Array = tensor.cpu().numpy()
        return array


class _Writeable:
    """A view that says of itself that it may be written. from_numpy warns of any other, though nobody writes here."""

    def __init__(self, array: Array) -> None:
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface
        self._array = array  # keeps the memory alive


def argument_builder(tree: Any, fixed: Mapping[int, Any]) -> Arguments:
    """How a list of tensors becomes the arguments of a call: `tree` is the TreeSpec of (args, kwargs), None for plain
    positional arguments; `fixed` holds the values that stand between the tensors, by their place."""
    if tree is None:
        return lambda tensors: (tensors, {})
    places, keywords = tree.children()
    if not fixed and all(
        not child.num_children and child.num_leaves for child in (*places.children(), *keywords.children())
    ):
        count, keys = places.num_leaves, tuple(keywords.context or ())
        return lambda tensors: (tensors[:count], dict(zip(keys, tensors[count:], strict=True)))

    def build(tensors: list[Any]) -> tuple[Sequence[Any], dict[str, Any]]:
        rest = iter(tensors)
        leaves = [fixed[place] if place in fixed else next(rest) for place in range(tree.num_leaves)]
        args, kwargs = tree.unflatten(leaves)
        return args, kwargs

    return build


def _leaves(value: Any) -> Iterator[Any]:
    """The leaves in the order in which torch.export flattens them."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
