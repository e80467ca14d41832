from __future__ import annotations

from collections.abc import Sequence

from jackfield.types import Device
from tests.core.cli.conftest import Run
from tests.core.config import plugs


class Broken(plugs.FakeBackend):
    @classmethod
    def devices(cls) -> Sequence[Device]:
        raise OSError("driver too old")


class Empty(plugs.FakeBackend):
    @classmethod
    def devices(cls) -> Sequence[Device]:
        return []


def test_devices_and_reasons(jackfield: Run) -> None:
    backends = {"fake": plugs.FakeBackend, "absent": plugs.AbsentBackend, "broken": Broken, "empty": Empty}
    lines = jackfield("devices", registry=plugs.registry(jackfield_backends=backends)).stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["backend", "device"],
        ["absent", "none"],
        ["broken", "none"],
        ["empty", "none"],
        ["fake", "cpu"],
        ["fake", "fake:0"],
    ]
    assert "not available: a_module_that_is_not_there is not installed" in lines[1]
    assert "plugin 'test' of distribution 'jackfield-test': devices() raised OSError: driver too old" in lines[2]
    assert "no device found" in lines[3]
    assert "4.0 GiB" in lines[4]
    assert "8.0 GiB  a processor" in lines[4]
