"""Backend: how a loaded model runs on a device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from jackfield.interfaces.executor import Executor
from jackfield.interfaces.loader import Artifact
from jackfield.interfaces.plug import Plug
from jackfield.options import Options
from jackfield.padding import Lengths
from jackfield.types import Device

Told = Callable[[str, int, int], None]
"""Told what is being done, and how many of how many steps of it are done. Any thread."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What steps a model will see, as far as the configuration tells: for backends that prepare for shapes.

    `rows`: numbers of rows that steps have, or a sample that stands for them, ascending; requests may have any number
    up to `max_rows`. `shapes`: the shape of one row (without its batch axis) of inputs that `warm_up` declares, by
    name. `lengths`: the ascending lengths that padded axes are rounded up to, by the axis' name, "" for those of all
    others; empty where nothing is padded.
    """

    rows: tuple[int, ...] = (1,)
    max_rows: int = 1
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    lengths: Mapping[str, Lengths] = field(default_factory=dict)


class Backend(Plug, ABC):
    """Made once per replica, with the model's backend options; used on the loading thread only.

    `accepts`: the artifact kinds that it can run. `automatic`: whether it may be taken where the configuration names no
    backend. `expected`: what steps there will be, set before `open` and `build`. `told`: whom `open` may tell how far
    it is, None if nobody listens; set before it.
    """

    expected: Expected = Expected()
    told: Told | None = None
    accepts: ClassVar[frozenset[str]] = frozenset()
    automatic: ClassVar[bool] = True

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

    def build(self, artifact: Artifact, device: Device | None, told: Told) -> str:
        """Do ahead what `open` would do once and keep: compile, choose kernels. `device`: where it will run; None:
        there is none here. Returns a clause that says what was done, "" if there is nothing to do. Raises LoadError."""
        return ""

    @classmethod
    def unbuildable(cls) -> str | None:
        """Why `build` cannot be used here, in one clause; None if it can, be it that `open` cannot. By default what
        `unavailable` says."""
        return cls.unavailable()
