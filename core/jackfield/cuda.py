"""What the CUDA driver of this machine says, asked through its own C libraries: nothing heavy is imported for it.

For backends to know whether there is a driver before they touch a library that would crash without one.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from jackfield.types import Device

_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR


@dataclass(frozen=True, slots=True)
class CudaDevice:
    """One device of the driver. `capability`: its compute capability, such as (9, 0)."""

    device: Device
    capability: tuple[int, int]


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def missing_driver() -> str | None:
    """Why the driver cannot be used, in one clause; None if it can. Cheap; never raises."""
    driver = _library("libcuda.so.1")
    if driver is None:
        return "there is no NVIDIA driver (libcuda.so.1 cannot be loaded)"
    status = driver.cuInit(0)
    if status != 0:
        return f"the NVIDIA driver does not start (cuInit gave {status})"
    count = ctypes.c_int()
    if driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value == 0:
        return "the NVIDIA driver sees no device"
    return None


def cuda_devices() -> list[CudaDevice]:
    """The devices that the driver sees, by their numbers, with the memory that is free now where that can be told.
    Empty without a driver; never raises."""
    if missing_driver() is not None:
        return []
    driver = _library("libcuda.so.1")
    assert driver is not None
    count = ctypes.c_int()
    driver.cuDeviceGetCount(ctypes.byref(count))
    return [_device(driver, index) for index in range(count.value)]


def _device(driver: ctypes.CDLL, index: int) -> CudaDevice:
    handle, total, name = ctypes.c_int(), ctypes.c_size_t(), ctypes.create_string_buffer(256)
    driver.cuDeviceGet(ctypes.byref(handle), index)
    driver.cuDeviceGetName(name, len(name), handle)
    known = driver.cuDeviceTotalMem_v2(ctypes.byref(total), handle) == 0
    parts = []
    for attribute in (_MAJOR, _MINOR):
        value = ctypes.c_int()
        driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, handle)
        parts.append(value.value)
    text = name.value.decode(errors="replace")
    free = _free(driver, handle)
    device = Device(f"cuda:{index}", "cuda", text, total.value if known else None, free)
    return CudaDevice(device, (parts[0], parts[1]))


def _free(driver: ctypes.CDLL, handle: ctypes.c_int) -> int | None:
    """From the management library, which needs no context on the device. It numbers devices in an order of its own, so
    the place on the bus says which one is meant."""
    management = _library("libnvidia-ml.so.1")
    place = ctypes.create_string_buffer(32)
    if management is None or driver.cuDeviceGetPCIBusId(place, len(place), handle) != 0:
        return None
    if management.nvmlInit_v2() != 0:
        return None
    try:
        found, memory = ctypes.c_void_p(), _Memory()
        if management.nvmlDeviceGetHandleByPciBusId_v2(place, ctypes.byref(found)) != 0:
            return None
        return memory.free if management.nvmlDeviceGetMemoryInfo(found, ctypes.byref(memory)) == 0 else None
    finally:
        management.nvmlShutdown()


def _library(name: str) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None
