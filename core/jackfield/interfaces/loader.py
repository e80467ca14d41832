"""Loader: what an artifact on disk is, its signature, how to open it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jackfield.interfaces.plug import Plug
from jackfield.options import Options
from jackfield.types import Signature


@dataclass(frozen=True, slots=True)
class Artifact:
    """An opened model, not yet on a device.

    `kind` says what it is (`onnx`, `torch-export`, `torchscript`, `python`) and is what a backend accepts.
    `content` is the loader's to define, by kind, and documented there. `signature` is what the artifact says of
    itself; None if only the backend can know. `declared_batch`: the artifact itself says which axes are the batch,
    so nothing is guessed.
    """

    kind: str
    source: str
    content: Any
    signature: Signature | None
    declared_batch: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)


class Loader(Plug, ABC):
    """Made once per model, with its options; used on the loading thread only."""

    def __init__(self, options: Options) -> None:
        self.settings = options

    @classmethod
    @abstractmethod
    def detects(cls, source: str) -> bool:
        """Whether `source` looks like this loader's, from its name or first bytes. Cheap; never raises; runs no code of
        the artifact. Exactly one loader must say yes for a source without `loader:`."""

    @abstractmethod
    def load(self, source: str) -> Artifact:
        """Open `source`. Raises LoadError naming the file and what is wrong with it. Never runs code that comes with
        the artifact unless the options allow it for this model. Ownership of the content passes to the caller."""


def source_path(source: str) -> Path:
    """The path of a source that must exist; for loaders of files and folders."""
    from jackfield.errors import LoadError

    path = Path(source)
    if not path.exists():
        raise LoadError(f"source '{source}' does not exist")
    return path
