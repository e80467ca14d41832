"""An architecture of another kind than a decoder, which opens a checkpoint's folder by itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from jackfield import Artifact

if TYPE_CHECKING:  # what reads folders looks for architectures
    from jackfield_plugins.generation.checkpoints.folder import Folder


class FolderArchitecture(ABC):
    """`name`: unique among all architectures. `models`: what config.json calls it (`architectures`)."""

    name: str
    models: tuple[str, ...]

    @abstractmethod
    def open(self, folder: Folder) -> Artifact:
        """The artifact of the checkpoint in `folder`, of a kind that some backend takes. Called on the loading thread.

        Raises LoadError naming the file, and the tensor or key that is wrong. Runs no code of the folder, and reads
        weights no earlier than they are needed.
        """
