"""Outputs whose shapes only running tells: TensorRT asks for their memory in the middle of a step."""

from __future__ import annotations

from typing import Any

from jackfield_plugins.tensorrt.module import Module


def output_allocator(module: Module, torch: Any, device: Any) -> Any:
    """An IOutputAllocator for one output of one execution context. After a step `tensor(dtype)` is what came out."""

    class Allocator(module.api.IOutputAllocator):  # type: ignore[misc, name-defined]  # the module has no types
        def __init__(self) -> None:
            super().__init__()
            self._memory: Any = None
            self._shape: tuple[int, ...] = ()

        def reallocate_output(self, tensor_name: str, memory: int, size: int, alignment: int) -> int:
            """Called by TensorRT; 0 says that there is no memory. PyTorch aligns to 512 bytes, which is enough."""
            size = max(size, 1)
            if self._memory is None or self._memory.numel() < size:
                try:
                    self._memory = torch.empty(size, dtype=torch.uint8, device=device)
                except torch.cuda.OutOfMemoryError:
                    return 0
            address: int = self._memory.data_ptr()
            return address

        def reallocate_output_async(self, tensor_name: str, memory: int, size: int, alignment: int, stream: int) -> int:
            """As the former: the step's stream is current."""
            return self.reallocate_output(tensor_name, memory, size, alignment)

        def notify_shape(self, tensor_name: str, shape: Any) -> None:
            """Called by TensorRT when the shape is known."""
            self._shape = tuple(int(length) for length in shape)

        def tensor(self, dtype: Any) -> Any:
            """What came out, on the device. Its memory is written again by the next step, so it is copied before."""
            count = 1
            for length in self._shape:
                count *= length
            size = count * torch.empty(0, dtype=dtype).element_size()
            return self._memory[:size].view(dtype).view(self._shape)

    return Allocator()
