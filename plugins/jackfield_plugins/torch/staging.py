"""Bringing the inputs of the next step to the device while the last one runs."""

from __future__ import annotations

import queue
from collections.abc import Mapping
from typing import Any

from jackfield import Array
from jackfield_plugins.torch.device_tensors import Buffer


class Slot:
    """The buffers of one step's inputs, and the event after which they hold what was brought."""

    def __init__(self, torch: Any, device: Any) -> None:
        self._torch = torch
        self._device = device
        self.buffers: dict[str, Buffer] = {}
        self.ready = torch.cuda.Event()

    def fill(self, arrays: Mapping[str, Array], stream: Any) -> None:
        """Copy `arrays` on `stream`."""
        with self._torch.cuda.stream(stream):
            for name, array in arrays.items():
                buffer = self.buffers.get(name)
                if buffer is None:
                    buffer = self.buffers[name] = Buffer(self._torch, self._device)
                buffer.bring(array)
            self.ready.record(stream)


class Staged(dict[str, Array]):
    """Joined inputs by name, as on the host, that are also on the device or on their way there."""

    def __init__(self, arrays: Mapping[str, Array], slot: Slot) -> None:
        super().__init__(arrays)
        self.slot = slot


class Staging:
    """A few slots that are used by turns, on a stream of its own: copies overlap with the step that runs.

    `bring` and `free` may be called by two threads. A slot that is never freed, since its step was given up, is lost to
    it and its memory goes back to PyTorch.
    """

    def __init__(self, torch: Any, device: Any) -> None:
        self._torch = torch
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self._free: queue.SimpleQueue[Slot] = queue.SimpleQueue()

    def bring(self, arrays: Mapping[str, Array]) -> Staged:
        """Begin to copy `arrays` to the device. Raises what PyTorch raises where memory runs out."""
        try:
            slot = self._free.get_nowait()
        except queue.Empty:
            slot = Slot(self._torch, self._device)
        slot.fill(arrays, self._stream)
        return Staged(arrays, slot)

    def free(self, slot: Slot) -> None:
        """Nothing reads its buffers any more."""
        self._free.put(slot)
