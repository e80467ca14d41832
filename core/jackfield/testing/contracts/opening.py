"""What every backend keeps to, whatever its executors run."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jackfield.interfaces import Artifact, Backend, Executor
from jackfield.types import Device


class OpeningContract(ABC):
    """The base of the contracts of backends."""

    @abstractmethod
    def backend(self) -> Backend:
        """A new backend, made with options as the configuration would."""

    @abstractmethod
    def artifact(self, folder: Path) -> Artifact:
        """An artifact that it accepts, whose files are in `folder`."""

    def test_devices_are_told(self) -> None:
        """At least one here, each with a name and a kind; best first."""
        devices = list(type(self.backend()).devices())
        assert devices, "there is no device to test on"
        assert all(isinstance(device, Device) and device.name and device.kind for device in devices)
        names = [device.name for device in devices]
        assert len(set(names)) == len(names), f"two devices have one name: {', '.join(names)}"

    def test_what_it_opens_it_says_that_it_accepts(self) -> None:
        """By the artifact's kind."""
        with tempfile.TemporaryDirectory() as folder:
            kind, accepts = self.artifact(Path(folder)).kind, type(self.backend()).accepts
        assert kind in accepts, f"'{kind}' is not among what it accepts: {', '.join(sorted(accepts)) or 'nothing'}"

    def _device(self) -> Device:
        return type(self.backend()).devices()[0]

    @contextmanager
    def _opened(self) -> Iterator[Executor]:
        with tempfile.TemporaryDirectory() as folder:
            executor = self.backend().open(self.artifact(Path(folder)), self._device())
            try:
                yield executor
            finally:
                executor.close()
