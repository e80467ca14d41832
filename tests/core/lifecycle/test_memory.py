"""What a version takes of memory, what there is, and that it comes back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from jackfield.interfaces import Artifact, Backend, Executor
from jackfield.lifecycle import memory
from jackfield.lifecycle.memory import artifact_bytes, free_bytes, give_back, resident_bytes, shown
from jackfield.types import Device

MIB = 2**20


class Known(Backend):
    """Tells of one device how much is free, and of others nothing."""

    @classmethod
    def devices(cls) -> Sequence[Device]:
        return [Device("cuda:0", "cuda", memory_free=5 * MIB), Device("cuda:1", "cuda"), Device("cpu", "cpu")]

    def open(self, artifact: Artifact, device: Device) -> Executor:
        raise NotImplementedError


def test_what_lies_on_disk_is_counted(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("one", "deep/two"):
        (tmp_path / name).write_bytes(b"x" * 1000)
    sources = (str(tmp_path), str(tmp_path / "one"), "module:Class", str(tmp_path / "none"))
    assert [artifact_bytes(source) for source in sources] == [2000, 1000, 0, 0]


def test_a_device_tells_what_is_free_or_nobody_knows() -> None:
    assert free_bytes(Known, "cuda:0") == 5 * MIB
    assert free_bytes(Known, "cuda:1") is None
    for backend, device in ((Known, "cpu"), (None, "cpu")):
        free = free_bytes(backend, device)
        assert free is None or free > MIB


def test_what_is_free_goes_back_to_the_system() -> None:
    if not resident_bytes():
        pytest.skip("the system does not tell what a process has")
    give_back()  # from here on it counts
    held = [bytes(100_000) for _ in range(2000)]  # below what the heap takes as pages of its own
    last = held[-1]
    most = resident_bytes()
    del held
    give_back(once_grown=True)
    assert len(last) == 100_000
    assert resident_bytes() < most - 100 * MIB


def test_small_holes_wait_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    trims: list[int] = []
    monkeypatch.setattr(memory, "_trim", lambda: trims.append(1))
    give_back()
    give_back(once_grown=True)
    assert len(trims) == 1
    give_back()
    assert len(trims) == 2


def test_numbers_are_for_people() -> None:
    assert [shown(n) for n in (0, MIB * 3 // 2, 5 * 2**30)] == ["0.0 MiB", "1.5 MiB", "5.0 GiB"]
