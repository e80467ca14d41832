"""What the CUDA driver says, where there is none and where there is one."""

from __future__ import annotations

import ctypes

import pytest

from jackfield import cuda
from jackfield.cuda import cuda_devices, missing_driver


def test_without_a_library_there_is_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str) -> ctypes.CDLL:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", fails)
    assert missing_driver() == "there is no NVIDIA driver (libcuda.so.1 cannot be loaded)"
    assert cuda_devices() == []


class _Driver:
    """Answers as a driver would that is older than its device, or that has none."""

    def __init__(self, started: int, count: int) -> None:
        self._started, self._count = started, count

    def cuInit(self, flags: int) -> int:
        return self._started

    def cuDeviceGetCount(self, count: ctypes._Pointer[ctypes.c_int]) -> int:
        ctypes.cast(count, ctypes.POINTER(ctypes.c_int))[0] = self._count
        return 0


@pytest.mark.parametrize(
    ("started", "count", "reason"),
    [
        (803, 1, "the NVIDIA driver does not start (cuInit gave 803)"),
        (0, 0, "the NVIDIA driver sees no device"),
        (0, 1, None),
    ],
)
def test_a_driver_that_is_of_no_use_says_why(
    monkeypatch: pytest.MonkeyPatch, started: int, count: int, reason: str | None
) -> None:
    monkeypatch.setattr(cuda, "_library", lambda name: _Driver(started, count))
    assert missing_driver() == reason


@pytest.mark.gpu
@pytest.mark.skipif(missing_driver() is not None, reason=missing_driver() or "")
def test_a_device_is_described() -> None:
    first = cuda_devices()[0]
    assert (first.device.name, first.device.kind) == ("cuda:0", "cuda")
    assert first.device.description
    assert first.capability >= (5, 0)
    assert first.device.memory_total is not None
    assert first.device.memory_free is not None
    assert 0 < first.device.memory_free <= first.device.memory_total
