"""Tensors on a device and in pinned host memory. PyTorch holds the memory, so no CUDA binding is needed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jackfield import Array, Datatype
from jackfield_plugins.torch.program import datatypes

Shape = tuple[int, ...]


def torch_dtypes() -> Mapping[Datatype, Any]:
    """PyTorch's name for each datatype. Imports torch."""
    return {datatype: dtype for dtype, datatype in datatypes().items()}


class Buffer:
    """Memory that grows when more is needed and is used again otherwise: on the device, with a pinned twin on the host.
    Used with the stream current on which its tensors are."""

    def __init__(self, torch: Any, device: Any) -> None:
        self._torch = torch
        self._device = device
        self._host: Any = None
        self.memory: Any = None
        """On the device, as bytes; never empty, since TensorRT takes no null address."""

    def bring(self, array: Array) -> None:
        """Copy `array` to the device. The copy goes on after this returns."""
        size = max(array.nbytes, 1)
        if self.memory is None or self.memory.numel() < size:
            self.memory = self._torch.empty(size, dtype=self._torch.uint8, device=self._device)
            self._host = self._torch.empty(size, dtype=self._torch.uint8, pin_memory=True)
        if array.nbytes:
            held = self._host.numpy()[: array.nbytes].view(array.dtype).reshape(array.shape)
            np.copyto(held, array)
            self.memory[: array.nbytes].copy_(self._host[: array.nbytes], non_blocking=True)


def to_host(torch: Any, tensor: Any) -> Any:
    """Begin to copy a device tensor into pinned host memory, which is the caller's; PyTorch keeps what is given back
    for the next."""
    held = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    held.copy_(tensor, non_blocking=True)
    return held


def as_array(torch: Any, held: Any) -> Array:
    """A host tensor whose copy is over, as an array that keeps its memory alive."""
    array: Array = (held.view(torch.uint16) if held.dtype is torch.bfloat16 else held).numpy()
    return array
