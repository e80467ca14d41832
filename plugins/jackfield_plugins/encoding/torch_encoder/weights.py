"""A spec's weights as tensors, arithmetic in float32."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from jackfield import Array
from jackfield_plugins.encoding.spec import Norm
from jackfield_plugins.generation.checkpoints.dequantise import dequantised
from jackfield_plugins.generation.spec import Linear, Weight


def copied(weights: list[Weight]) -> Tensor:
    """The numbers of `weights`, one below the other, in memory of their own: the one copy that is made of them."""
    return torch.from_numpy(np.concatenate([dequantised(weight) for weight in weights]))


def mapped(weight: Weight) -> Tensor:
    """The numbers of `weight` where they lie in the mapped file, for what is read a row at a time; copied only if they
    are not float32 there. Nobody may write to it."""
    numbers = dequantised(weight)
    return torch.from_numpy(numbers if numbers.flags.writeable else np.asarray(_Writeable(numbers)))


class _Writeable:
    """A view that says of itself that it may be written. from_numpy warns of any other, though nobody writes here."""

    def __init__(self, array: Array) -> None:
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface
        self._array = array  # keeps the mapping alive


class TorchLinear:
    """outputs = weight · inputs + bias, of several linears that have the same inputs."""

    def __init__(self, *linears: Linear) -> None:
        self._weight = copied([linear.weight for linear in linears])
        self._bias = copied([linear.bias for linear in linears if linear.bias is not None])

    def __call__(self, rows: Tensor) -> Tensor:
        """[rows, inputs] to [rows, outputs of all linears]."""
        return torch.nn.functional.linear(rows, self._weight, self._bias)


class TorchNorm:
    """Layer norm over the last axis."""

    def __init__(self, norm: Norm, epsilon: float) -> None:
        self._weight, self._bias = copied([norm.weight]), copied([norm.bias])
        self._epsilon = epsilon

    def __call__(self, rows: Tensor) -> Tensor:
        """[rows, hidden] to the same."""
        return torch.nn.functional.layer_norm(rows, self._weight.shape, self._weight, self._bias, self._epsilon)
