"""Which devices ONNX Runtime can use here: what a provider says of itself is not enough, so it is tried."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from jackfield import Device
from jackfield.cuda import cuda_devices

CUDA = "CUDAExecutionProvider"

# The smallest model: y = Identity(x), float32 [1], opset 13, IR version 7.
_IDENTITY = bytes.fromhex(
    "080712003a370a100a017812017922084964656e746974791201675a0f0a0178120a0a08080112040a020801"
    "620f0a0179120a0a08080112040a02080142040a00100d"
)


def devices() -> list[Device]:
    """The CUDA devices that really work, best first, then the processor. Imports ONNX Runtime; empty without it."""
    # Otherwise importing it keeps a device's identity and a database of events in the user's folders.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except Exception:
        return []
    found: list[Device] = []
    # The driver is asked first: a provider that is loaded without one may take the process down.
    if CUDA in onnxruntime.get_available_providers():
        gpus = [found.device for found in cuda_devices()]
        if gpus and _works(onnxruntime, CUDA):
            found.extend(gpus)
    return [*found, Device("cpu", "cpu", processor(), *_memory())]


def processor() -> str:
    """The processor's own name for itself."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory() -> tuple[int | None, int | None]:
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        return page * os.sysconf("SC_PHYS_PAGES"), page * os.sysconf("SC_AVPHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None, None


def _works(onnxruntime: Any, provider: str) -> bool:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(_IDENTITY, options, providers=[provider], enable_fallback=False)
    except Exception:
        return False
    return provider in session.get_providers()
