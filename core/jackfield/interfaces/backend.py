"""Backend: how a loaded model runs on a device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from jackfield.interfaces.executor import Executor
from jackfield.interfaces.loader import Artifact
from jackfield.interfaces.plug import Plug
from jackfield.options import Options
from jackfield.types import Device


class Backend(Plug, ABC):
    """Made once per replica, with the model's backend options; used on the loading thread only.

    `accepts`: the artifact kinds that it can run.
    """

    accepts: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, options: Options) -> None:
        self.settings = options

    @classmethod
    @abstractmethod
    def devices(cls) -> Sequence[Device]:
        """The devices that this backend can use on this machine, best first. May import its library; never raises."""

    @abstractmethod
    def open(self, artifact: Artifact, device: Device) -> Executor:
        """Make an executor for `artifact` on `device`, ready to be warmed up.

        Raises LoadError if the artifact cannot run, or the device that was asked for cannot be had: never falls back in
        silence. The executor owns what it needs of the artifact; after a failure nothing is left allocated.
        """
