"""Backend `tensorrt`: finds or builds the plan of a model, and opens it on a device."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from importlib.util import find_spec

import structlog

from jackfield import Artifact, Backend, Device, Executor
from jackfield.cuda import CudaDevice, cuda_devices, missing_driver
from jackfield.errors import LoadError
from jackfield_plugins.tensorrt.building import Told
from jackfield_plugins.tensorrt.engine import Engine
from jackfield_plugins.tensorrt.executor import TensorRTExecutor
from jackfield_plugins.tensorrt.module import NAMES, NEEDS_NO_DEVICE, installed, load_module
from jackfield_plugins.tensorrt.options import TensorRTOptions
from jackfield_plugins.tensorrt.preparing import plan_for, plans_folder
from jackfield_plugins.tensorrt.telling import Teller

log = structlog.get_logger("jackfield.tensorrt")

UNTRIED = "what needs a device has not been run on one by its authors yet"
"""Building is tested; the rest was written against the documented interface."""


class TensorRTBackend(Backend):
    """Runs ONNX models and programs of torch.export on NVIDIA devices. Plans are kept and found again.

    It is used where the configuration names it: building takes its time, which nobody should be surprised by."""

    options = TensorRTOptions
    settings: TensorRTOptions
    accepts = frozenset({"onnx", "torch-export"})
    automatic = False

    @classmethod
    def unavailable(cls) -> str | None:
        """Without a module, PyTorch or a driver. The driver is asked first: TensorRT's runtime crashes without one."""
        if _missing() is not None:
            return _missing()
        if find_spec("torch") is None:
            return "torch is not installed, which holds the tensors on the device"
        reason = missing_driver()
        return None if reason is None else f"{reason}; {UNTRIED}"

    @classmethod
    def unbuildable(cls) -> str | None:
        """TensorRT for RTX builds plans without a device, and compiles kernels when it opens them."""
        return _missing() if installed() == NEEDS_NO_DEVICE else _missing() or missing_driver()

    @classmethod
    def devices(cls) -> Sequence[Device]:
        """What the driver sees."""
        found = [one.device for one in cuda_devices()]
        return [replace(device, description=f"{device.description}; {UNTRIED}") for device in found]

    def build(self, artifact: Artifact, device: Device | None, told: Told) -> str:
        """Build the plan, or find it."""
        module = load_module()
        target = None if device is None else _cuda(device)
        with _current(device):
            plan = plan_for(module, artifact, self.expected, self.settings, target, told)
        return f"plan {plan.name[:12]} {'was there' if plan.found else 'is built'}, {len(plan.data) / 2**20:.1f} MiB"

    def open(self, artifact: Artifact, device: Device) -> Executor:
        """Find or build the plan and open it; raises LoadError. Building takes seconds to minutes, and is told."""
        reason = missing_driver()
        if reason is not None:
            raise LoadError(f"backend 'tensorrt' cannot run '{artifact.source}': {reason}")
        import torch

        module = load_module()
        place = torch.device(device.name)
        with _current(device):
            told = Teller(artifact.source).told
            plan = plan_for(module, artifact, self.expected, self.settings, _cuda(device), told)
            log.info("plan is opened", source=artifact.source, built=not plan.found, module=module.name)
            kernels = plans_folder(self.settings) / f"{plan.name}-{place.index or 0}.kernels"
            engine = Engine(module, plan.data, artifact.source, kernels)
            most = max(self.expected.max_rows, 1)
            return TensorRTExecutor(module, engine, plan.signature, plan.profiles, self.settings, place, most, torch)


def _missing() -> str | None:
    if installed() is not None:
        return None
    return f"neither {' nor '.join(NAMES)} is installed; the extras 'tensorrt' and 'tensorrt-rtx' bring one"


def _cuda(device: Device) -> CudaDevice:
    found = next((one for one in cuda_devices() if one.device.name == device.name), None)
    if found is None:
        raise LoadError(f"backend 'tensorrt' sees no device '{device.name}'")
    return found


def _current(device: Device | None) -> AbstractContextManager[object]:
    if device is None:
        return nullcontext()
    import torch

    return torch.cuda.device(torch.device(device.name))
