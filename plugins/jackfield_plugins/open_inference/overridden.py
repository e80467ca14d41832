"""Files that come with a request to load a model, in place of those of its source."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path

from jackfield.errors import InvalidRequest
from jackfield_plugins.open_inference.texts import shown

_MOST_FILES = 1000
_DEEPEST = 8
_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")


class OverriddenFiles:
    """A folder of `files`, by their paths in it; only this user may read it. It is removed when this is forgotten, at
    the latest when the process ends. Touches the disk: made on threads.

    Raises InvalidRequest if a path leaves the folder, or is no path at all."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        if len(files) > _MOST_FILES:
            raise InvalidRequest(f"{len(files)} files are given, at most {_MOST_FILES} are taken")
        parted = {path: _parts(path) for path in files}
        self.folder = Path(tempfile.mkdtemp(prefix="jackfield-"))
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        try:
            for path, content in files.items():
                place = self.folder.joinpath(*parted[path])
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("xb") as file:
                    file.write(content)
        except OSError as error:
            self._remove()
            raise InvalidRequest(f"file '{shown(path)}' cannot be written: {error.strerror}") from None


def _parts(path: str) -> list[str]:
    parts = path.split("/")
    if len(parts) > _DEEPEST or not all(map(_PART.fullmatch, parts)):
        raise InvalidRequest(
            f"file '{shown(path)}' must be a path within the model's folder, such as '1/model.onnx': names of letters, "
            f"digits, '.', '_' and '-' that do not begin with '.', at most {_DEEPEST} deep"
        )
    return parts
