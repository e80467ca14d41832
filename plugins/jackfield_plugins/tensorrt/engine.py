"""A plan opened on a device: TensorRT's engine, and a context for each of its profiles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from jackfield.errors import ExecutionFailed, LoadError
from jackfield_plugins.tensorrt.module import Module

log = structlog.get_logger("jackfield.tensorrt")

Shape = tuple[int, ...]


class Engine:
    """Opened on the CUDA device that is current in the calling thread, and used with it current. `kernels`: the file in
    which kernels that are compiled for this device are kept, where the module compiles them when a plan is opened.

    Raises LoadError with TensorRT's reason. Used by one thread at a time.
    """

    def __init__(self, module: Module, plan: bytes, source: str, kernels: Path) -> None:
        api = module.api
        self._kernels = kernels
        self._module = module
        self._runtime = api.Runtime(module.logger)
        engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise LoadError(f"{module.name} cannot open the plan of '{source}': {self._module.why()}")
        self._engine = engine
        self._config, self._cache = self._configured(module)
        count = engine.num_optimization_profiles
        self._contexts: list[Any] = [None] * max(count, 1)
        for number in range(engine.num_io_tensors):
            name = engine.get_tensor_name(number)
            if engine.get_tensor_location(name) != api.TensorLocation.DEVICE:
                raise LoadError(f"tensor '{name}' of '{source}' must be in host memory, which is not served")

    def context(self, profile: int, stream: int) -> Any:
        """The execution context of a profile, made when it is first asked for. Raises as `new_context`."""
        context = self._contexts[profile]
        if context is None:
            context = self._contexts[profile] = self.new_context(profile, stream)
        return context

    def new_context(self, profile: int, stream: int) -> Any:
        """An execution context of its own, with device memory of its own. `stream`: the handle of the CUDA stream that
        steps run on. Raises ExecutionFailed, mostly for want of device memory."""
        made = self._engine.create_execution_context
        context = made() if self._config is None else made(self._config)
        if context is None:
            raise ExecutionFailed(f"TensorRT makes no execution context: {self._module.why()}")
        if profile and not context.set_optimization_profile_async(profile, stream):
            raise ExecutionFailed(f"TensorRT does not take profile {profile}: {self._module.why()}")
        return context

    def shapes(self, context: Any, inputs: Mapping[str, Shape], outputs: tuple[str, ...]) -> dict[str, Shape]:
        """The shapes of the outputs for inputs of these shapes; -1 where only running it will tell. Raises
        ExecutionFailed."""
        for name, shape in inputs.items():
            if not context.set_input_shape(name, shape):
                raise ExecutionFailed(f"TensorRT takes no input '{name}' of shape {list(shape)}: {self._module.why()}")
        missing = context.infer_shapes()
        if missing:
            raise ExecutionFailed(f"TensorRT cannot tell the shapes of {', '.join(missing)}")
        return {name: tuple(int(length) for length in context.get_tensor_shape(name)) for name in outputs}

    def enqueue(self, context: Any, addresses: Mapping[str, int], stream: int) -> None:
        """Run it with tensors at these addresses of the device; it goes on after this returns. Raises
        ExecutionFailed."""
        for name, address in addresses.items():
            if not context.set_tensor_address(name, address):
                raise ExecutionFailed(f"TensorRT takes no tensor '{name}' at its place: {self._module.why()}")
        self.run(context, stream)

    def run(self, context: Any, stream: int) -> None:
        """As `enqueue`, where all addresses are set."""
        if not context.execute_async_v3(stream):
            raise ExecutionFailed(f"TensorRT could not run the step: {self._module.why()}")

    def close(self) -> None:
        """Keep what was compiled, and give back all device memory. Called once."""
        self._keep_kernels()
        self._contexts = []
        self._config = self._cache = self._engine = self._runtime = None

    def _configured(self, module: Module) -> tuple[Any, Any]:
        """A runtime configuration with the kernels that were compiled before, where the module has such a thing."""
        if not hasattr(self._engine, "create_runtime_config"):
            return None, None
        config = self._engine.create_runtime_config()
        if not hasattr(config, "create_runtime_cache"):
            return config, None
        if module.captures_graphs:  # its own capture knows what its kernels allow
            config.cuda_graph_strategy = module.api.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        cache = config.create_runtime_cache()
        try:
            kept = self._kernels.read_bytes()
        except OSError:
            kept = b""
        if kept and not cache.deserialize(kept):
            log.info("kernels of another device or version are compiled anew", plan=self._kernels.name)
        config.set_runtime_cache(cache)
        return config, cache

    def _keep_kernels(self) -> None:
        if self._cache is None:
            return
        partial = self._kernels.with_suffix(".partial")
        try:
            self._kernels.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(bytes(self._cache.serialize()))
            partial.replace(self._kernels)
        except OSError as error:
            log.warning("compiled kernels cannot be kept", plan=self._kernels.name, reason=error.strerror)
