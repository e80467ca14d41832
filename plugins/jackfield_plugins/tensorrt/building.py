"""From a network and its profiles to a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from jackfield.errors import LoadError
from jackfield_plugins.tensorrt.module import Module
from jackfield_plugins.tensorrt.network import Network
from jackfield_plugins.tensorrt.options import TensorRTOptions
from jackfield_plugins.tensorrt.profiles import Profile

Told = Callable[[str, int, int], None]
"""As `Backend.build` gets it."""


@dataclass(frozen=True, slots=True)
class Built:
    """A plan, and what was learned of the speed of kernels while it was built (empty where nothing is)."""

    plan: bytes
    timings: bytes


def build(
    network: Network,
    profiles: Sequence[Profile],
    options: TensorRTOptions,
    timings: bytes | None,
    source: str,
    told: Told,
) -> Built:
    """Build a plan for the device that is current, or for any if the module compiles for devices later. `timings`: of
    earlier builds on this kind of device; None: none are wanted. Blocks for seconds to minutes. Raises LoadError with
    TensorRT's reason."""
    api, name = network.module.api, network.module.name
    config = network.builder.create_builder_config()
    _set(config, network.module, options)
    for profile in profiles:
        if profile.shapes:
            config.add_optimization_profile(_profile(network.builder, profile))
    cache = None if timings is None else config.create_timing_cache(timings)
    if cache is not None and not config.set_timing_cache(cache, False):
        cache = None  # of another device or version: built without
    if options.precision == "bf16":
        config.set_flag(api.BuilderFlag.BF16)
    monitor = _monitor(api, told)
    config.progress_monitor = monitor
    try:
        plan = network.builder.build_serialized_network(network.network, config)
    except Exception as error:
        raise LoadError(f"{name} cannot build '{source}': {type(error).__name__}: {error}") from error
    if plan is None:
        raise LoadError(f"{name} cannot build '{source}': {network.module.why()}")
    learned = bytes(cache.serialize()) if cache is not None else b""
    return Built(bytes(plan), learned)


def strongly_typed(module: Module, options: TensorRTOptions) -> bool:
    """Whether the network's own types are binding, which all precisions but `bf16` leave them. Raises LoadError where
    this module cannot choose types itself."""
    if options.precision != "bf16":
        return True
    if not module.weak_types:
        raise LoadError(
            f"precision 'bf16' is for the builder to choose, and {module.name} {module.version} takes types from the "
            "network alone: use 'fp16', or a model that is bfloat16 itself"
        )
    return False


def _set(config: Any, module: Module, options: TensorRTOptions) -> None:
    api = module.api
    if options.precision != "tf32":  # it is on by default, and rounds what goes into a product
        config.clear_flag(api.BuilderFlag.TF32)
    else:
        config.set_flag(api.BuilderFlag.TF32)
    if options.workspace_mib is not None:
        config.set_memory_pool_limit(api.MemoryPoolType.WORKSPACE, options.workspace_mib << 20)
    if options.optimization_level is not None:
        config.builder_optimization_level = options.optimization_level


def _profile(builder: Any, profile: Profile) -> Any:
    made = builder.create_optimization_profile()
    for name, (least, best, most) in profile.shapes.items():
        made.set_shape(name, least, best, most)
    return made


def _monitor(api: Any, told: Told) -> Any:
    class Monitor(api.IProgressMonitor):  # type: ignore[misc]  # the module has no types
        """Follows the outermost phase, whose steps are few and last long, and names the innermost."""

        def __init__(self) -> None:
            super().__init__()
            self.outer = ""
            self.steps = 1
            self.done = 0

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            if parent_phase is None:
                self.outer, self.steps, self.done = phase_name, num_steps, 0
            told(phase_name, self.done, self.steps)

        def phase_finish(self, phase_name: str) -> None:
            if phase_name == self.outer:
                told(phase_name, self.steps, self.steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            if phase_name == self.outer:
                self.done = step + 1
                told(phase_name, self.done, self.steps)
            return True

    return Monitor()
