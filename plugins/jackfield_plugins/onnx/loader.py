"""Loader of ONNX files: finds the file, checks its hash and that it keeps to its folder. Runs nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from jackfield import Artifact, Loader, Options
from jackfield.errors import LoadError
from jackfield_plugins.onnx.file import OnnxFile, read

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class OnnxLoaderOptions(Options):
    """Options of the loader `onnx`."""

    sha256: Sha256 | dict[str, Sha256] | None = None
    """Hash that the model file must have, in lowercase hex. For a model with external weights: a mapping from each
    file's name within the model's folder to its hash."""


class OnnxLoader(Loader):
    """Opens a `.onnx` file, or a folder that holds exactly one.

    Gives artifacts of kind `onnx` whose content is the Path of the file. Their signature is None, since the backend
    reads it from the session that it makes anyway; `metadata["unranked"]` names the tensors of unknown rank,
    `metadata["external"]` the files beside it that hold weights.
    """

    options = OnnxLoaderOptions
    settings: OnnxLoaderOptions

    @classmethod
    def detects(cls, source: str) -> bool:
        """By the name of the file, or of the only ONNX file of a folder."""
        path = Path(source)
        try:
            return path.suffix == ".onnx" or (path.is_dir() and len(_candidates(path)) == 1)
        except OSError:
            return False

    def load(self, source: str) -> Artifact:
        """Check the file at `source`; raises LoadError naming it and what is wrong with it."""
        path = _model_file(source)
        try:
            found = read(path)
        except (ValueError, OSError) as error:
            raise LoadError(f"'{source}' is not an ONNX model, or is truncated: {_clause(error)}") from error
        _check_external(path, source, found)
        _check_hashes(path, source, found, self.settings.sha256)
        metadata: dict[str, Any] = {"unranked": frozenset(found.unranked), "external": tuple(found.external)}
        return Artifact("onnx", source, path, None, metadata=metadata)


def _candidates(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix == ".onnx" and p.is_file())


def _model_file(source: str) -> Path:
    path = Path(source)
    if path.is_file():
        return path
    if not path.is_dir():
        raise LoadError(f"source '{source}' does not exist")
    files = _candidates(path)
    if len(files) != 1:
        names = ", ".join(f"'{p.name}'" for p in files) or "none"
        raise LoadError(f"folder '{source}' must hold exactly one .onnx file, and holds {names}: name the file itself")
    return files[0]


def _check_external(path: Path, source: str, found: OnnxFile) -> None:
    # Newer runtimes refuse places outside the folder themselves; older ones that we support do not.
    folder = path.parent.resolve()
    for place in found.external:
        if "\x00" in place or Path(place).is_absolute() or not (folder / place).resolve().is_relative_to(folder):
            raise LoadError(f"'{source}' takes weights from {place!r}, which is outside the model's folder")
        if not (folder / place).is_file():
            raise LoadError(f"'{source}' takes weights from '{place}', which is not in the model's folder")


def _check_hashes(path: Path, source: str, found: OnnxFile, pinned: str | dict[str, str] | None) -> None:
    if pinned is None:
        return
    names = [path.name, *found.external]
    wanted = {path.name: pinned} if isinstance(pinned, str) else pinned
    for name in names:
        if name not in wanted:
            raise LoadError(
                f"sha256 pins nothing for '{name}', which is part of '{source}': give a mapping from file name to hash "
                f"for {', '.join(repr(n) for n in names)}"
            )
        with (path.parent / name).open("rb") as file:
            got = hashlib.file_digest(file, "sha256").hexdigest()
        if got != wanted[name]:
            raise LoadError(f"'{name}' of '{source}' has sha256 {got}, and the configuration pins {wanted[name]}")


def _clause(error: Exception) -> str:
    # the text of an OSError would repeat the path
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
