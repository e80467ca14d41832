"""A spec's weights on a device."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from jackfield.errors import LoadError
from jackfield_plugins.generation.checkpoints.dequantise import dequantised
from jackfield_plugins.generation.spec import Linear, Weight

Storage = Literal["auto", "fp32", "half"]

_HALVES = {"F16": torch.float16, "BF16": torch.bfloat16}


def tensor_of(weight: Weight, device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """`weight` on `device` as `dtype`, a copy. Raises LoadError if it cannot be dequantised."""
    half = _HALVES.get(weight.stored)
    if half is not None and dtype is half:
        return torch.from_numpy(weight.data.copy()).view(half).reshape(weight.shape).to(device)
    numbers = dequantised(weight)
    # what lies in the mapped file is copied, what was computed is ours already
    made = torch.from_numpy(numbers if numbers.flags.writeable else numbers.copy()).to(device=device, dtype=dtype)
    if dtype is torch.float16 and not torch.isfinite(made).all():
        raise LoadError(f"tensor '{weight.name}' holds numbers beyond the range of float16: store it as fp32")
    return made


def storage_of(weight: Weight, asked: Storage) -> torch.dtype:
    """The dtype in which `weight` is kept. `half` of a half checkpoint is its own numbers, of anything else float16."""
    half = _HALVES.get(weight.stored)
    if asked == "fp32" or (asked == "auto" and half is None):
        return torch.float32
    return half or torch.float16


class TorchLinear:
    """outputs = weight · inputs (+ bias), sums in float32 whatever the weight is kept in."""

    def __init__(self, linear: Linear, storage: Storage, device: torch.device) -> None:
        self.weight = tensor_of(linear.weight, device, storage_of(linear.weight, storage))
        self._bias = None if linear.bias is None else tensor_of(linear.bias, device)

    def __call__(self, rows: Tensor) -> Tensor:
        """[rows, inputs] to [rows, outputs], float32."""
        # a half weight is widened for each use: half the memory, and the same sums as float32
        return F.linear(rows, self.weight.float(), self._bias)
