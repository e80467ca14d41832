"""Executor of a plan on one device."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from jackfield import Array, Capabilities, Signature, Step, TensorExecutor
from jackfield.errors import ExecutionFailed, InvalidRequest, OutOfMemory, Unavailable
from jackfield_plugins.tensorrt.allocating import output_allocator
from jackfield_plugins.tensorrt.engine import Engine, Shape
from jackfield_plugins.tensorrt.graphs import Captured, Graphs
from jackfield_plugins.tensorrt.module import Module
from jackfield_plugins.tensorrt.network import DATATYPES
from jackfield_plugins.tensorrt.options import TensorRTOptions
from jackfield_plugins.tensorrt.profiles import Profile, fits
from jackfield_plugins.torch.device_tensors import as_array, to_host, torch_dtypes
from jackfield_plugins.torch.staging import Staged, Staging


class TensorRTExecutor(TensorExecutor):
    """Steps run on a stream of their own. `prepare` begins to copy the inputs of the next to the device meanwhile.

    Running out of memory, and whatever else TensorRT refuses, fails that step only. An error of CUDA itself leaves no
    context to work with: then every further step raises Unavailable.
    """

    def __init__(
        self,
        module: Module,
        engine: Engine,
        signature: Signature,
        profiles: Sequence[Profile],
        options: TensorRTOptions,
        device: Any,
        max_rows: int,
        torch: Any,
    ) -> None:
        super().__init__(
            signature, Capabilities(max_rows if signature.batched else None, datatypes=frozenset(DATATYPES.values()))
        )
        self._torch = torch
        self._module = module
        self._engine = engine
        self._profiles = profiles
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self._staging = Staging(torch, device)
        own_graphs = 0 if module.captures_graphs else options.cuda_graphs
        self._graphs = Graphs(torch, own_graphs, options.graph_after)
        dtypes = torch_dtypes()
        self._dtypes = {spec.name: dtypes[spec.datatype] for spec in (*signature.inputs, *signature.outputs)}
        self._allocators: dict[tuple[int, str], Any] = {}
        self._broken = ""

    def prepare(self, step: Step) -> tuple[dict[str, Array], Sequence[str]]:
        """The joined inputs, on their way to the device, and which outputs anybody wants."""
        inputs, wanted = super().prepare(step)
        if not self._broken and self._profile({name: array.shape for name, array in inputs.items()}) is not None:
            try:
                return self._staging.bring(inputs), wanted
            except self._torch.cuda.OutOfMemoryError:
                pass  # the step before may give some back; `run` tries again
        return inputs, wanted

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Run a step. Raises InvalidRequest for shapes that the plan was not built for, ExecutionFailed or
        Unavailable."""
        if self._broken:
            raise Unavailable(f"the device is lost to this replica: {self._broken}")
        shapes = {name: array.shape for name, array in inputs.items()}
        profile = self._profile(shapes)
        if profile is None:
            raise InvalidRequest(self._unfit(shapes))
        return self._guarded(lambda: self._run(profile, inputs, outputs))

    def close(self) -> None:
        """Give back the device's memory."""
        with self._torch.cuda.device(self._device):
            self._graphs.clear()
            self._engine.close()
            self._torch.cuda.empty_cache()

    def _run(self, profile: int, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        torch = self._torch
        staged = inputs if isinstance(inputs, Staged) else self._staging.bring(inputs)
        with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
            self._stream.wait_event(staged.slot.ready)
            results = self._results(profile, staged)
            held = {name: to_host(torch, results[name]) for name in outputs}
            self._stream.synchronize()  # without the interpreter's lock
        self._staging.free(staged.slot)
        return {name: as_array(torch, tensor) for name, tensor in held.items()}

    def _results(self, profile: int, staged: Staged) -> dict[str, Any]:
        """The outputs on the device, as soon as the stream has come to them."""
        key = (profile, tuple(array.shape for array in staged.values()))
        captured = self._graphs.find(key)
        if captured is None:
            context = self._engine.context(profile, self._stream.cuda_stream)
            shapes = self._engine.shapes(
                context, {name: array.shape for name, array in staged.items()}, self.signature.output_names
            )
            open_shapes = any(-1 in shape for shape in shapes.values())
            if not open_shapes and self._graphs.due(key):
                captured = self._captured(key, profile, staged, shapes)
            if captured is None:
                return self._plain(profile, context, staged, shapes)
        for name, tensor in captured.inputs.items():
            tensor.copy_(staged.slot.buffers[name].memory[: tensor.numel()])
        captured.graph.replay()
        return dict(captured.outputs)

    def _plain(self, profile: int, context: Any, staged: Staged, shapes: dict[str, Shape]) -> dict[str, Any]:
        addresses = {name: staged.slot.buffers[name].memory.data_ptr() for name in staged}
        tensors, asked = dict[str, Any](), dict[str, Any]()
        for name, shape in shapes.items():
            if -1 in shape:
                asked[name] = self._allocator(profile, context, name)
            else:
                tensors[name], addresses[name] = self._output(name, shape)
        self._engine.enqueue(context, addresses, self._stream.cuda_stream)
        return tensors | {name: allocator.tensor(self._dtypes[name]) for name, allocator in asked.items()}

    def _captured(self, key: Hashable, profile: int, staged: Staged, shapes: dict[str, Shape]) -> Captured | None:
        """TensorRT wants one run of these very shapes and addresses before they are captured, out of a context that
        nothing else changes afterwards."""
        context = self._engine.new_context(profile, self._stream.cuda_stream)
        self._engine.shapes(context, {name: array.shape for name, array in staged.items()}, self.signature.output_names)
        inputs = {name: self._bytes(max(array.nbytes, 1)) for name, array in staged.items()}
        for name, tensor in inputs.items():
            tensor.copy_(staged.slot.buffers[name].memory[: tensor.numel()])
        addresses = {name: tensor.data_ptr() for name, tensor in inputs.items()}
        outputs = {}
        for name, shape in shapes.items():
            outputs[name], addresses[name] = self._output(name, shape)
        self._engine.enqueue(context, addresses, self._stream.cuda_stream)
        self._stream.synchronize()
        return self._graphs.capture(key, context, inputs, outputs, lambda stream: self._engine.run(context, stream))

    def _output(self, name: str, shape: Shape) -> tuple[Any, int]:
        """A tensor on the device, and an address that is not null even if it has no elements."""
        dtype = self._dtypes[name]
        tensor = self._torch.empty(shape, dtype=dtype, device=self._device)
        if tensor.numel():
            return tensor, tensor.data_ptr()
        memory = self._bytes(512)
        return memory[:0].view(dtype).view(shape), memory.data_ptr()

    def _bytes(self, size: int) -> Any:
        return self._torch.empty(size, dtype=self._torch.uint8, device=self._device)

    def _allocator(self, profile: int, context: Any, name: str) -> Any:
        found = self._allocators.get((profile, name))
        if found is None:
            found = self._allocators[profile, name] = output_allocator(self._module, self._torch, self._device)
            context.set_output_allocator(name, found)
        return found

    def _profile(self, shapes: dict[str, Shape]) -> int | None:
        return next((index for index, one in enumerate(self._profiles) if one.holds(shapes)), None)

    def _unfit(self, shapes: dict[str, Shape]) -> str:
        for name, shape in shapes.items():
            ranges = [one.shapes[name] for one in self._profiles if name in one.shapes]
            if ranges and not any(fits(shape, least, most) for least, _, most in ranges):
                least, most = list(ranges[0][0]), list(ranges[-1][2])
                return f"input '{name}' has shape {list(shape)}, and the plan was built for {least} to {most}"
        listed = ", ".join(f"'{name}' {list(shape)}" for name, shape in shapes.items())
        return f"no optimization profile of the plan holds inputs of shapes {listed} together"

    def _guarded(self, call: Callable[[], dict[str, Array]]) -> dict[str, Array]:
        """Tell want of memory, which passes, from errors of CUDA, which do not."""
        torch = self._torch
        try:
            return call()
        except torch.cuda.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise OutOfMemory("the device has not enough memory for this step") from error
        except RuntimeError as error:
            text = (str(error).splitlines() or [""])[0]
            if text.startswith("CUDA error"):
                self._broken = text
            raise ExecutionFailed(f"the device failed: {text}") from error
