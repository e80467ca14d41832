"""What a PyTorch file is, told from its name and the names of its members. Nothing is unpickled here."""

from __future__ import annotations

import zipfile
from enum import Enum
from pathlib import Path

_PICKLE_PROTOCOL = 0x80  # first byte of a pickle since protocol 2
_TAR_MAGIC_AT, _TAR_MAGIC = 257, b"ustar"  # the oldest torch.save wrote tar files full of pickles


class Kind(Enum):
    """`OLD_EXPORT`: what torch.export.save wrote before it had an archive format of its own."""

    EXPORT = "an exported program"
    OLD_EXPORT = "an exported program of an old format"
    TORCHSCRIPT = "TorchScript"
    PICKLE = "a pickle"
    UNKNOWN = "no file of PyTorch's, or is truncated"


def kind_of(path: Path) -> Kind:
    """What the file at `path` is. Raises OSError if it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.partition("/")[2] or name for name in archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        with path.open("rb") as file:
            start = file.read(_TAR_MAGIC_AT + len(_TAR_MAGIC))
        is_pickle = start[:1] == bytes([_PICKLE_PROTOCOL]) or start[_TAR_MAGIC_AT:] == _TAR_MAGIC
        return Kind.PICKLE if is_pickle else Kind.UNKNOWN
    if "archive_format" in names:
        return Kind.EXPORT
    if "serialized_exported_program.json" in names:
        return Kind.OLD_EXPORT
    if "constants.pkl" in names:
        return Kind.TORCHSCRIPT
    return Kind.PICKLE if "data.pkl" in names else Kind.UNKNOWN
