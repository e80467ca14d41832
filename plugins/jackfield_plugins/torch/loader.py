"""Loader of PyTorch files: exported programs; TorchScript where it is allowed; never pickles."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from jackfield import Artifact, Datatype, Loader, Options
from jackfield.errors import LoadError
from jackfield_plugins.torch.archive import Kind, kind_of
from jackfield_plugins.torch.declared import DeclaredTensor, declared_signature
from jackfield_plugins.torch.inspection import inspect
from jackfield_plugins.torch.program import describe

_OURS = {".pt2", ".pt", ".pth", ".ts"}
_SHARED = {".bin", ".pkl"}  # taken only to be refused with a reason, if PyTorch wrote them
_EXPORT = "export the model with torch.export and save it as .pt2"


class TorchLoaderOptions(Options):
    """Options of the loader `torch`."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """Hash that the file must have, in lowercase hex."""
    allow_torchscript: bool = False
    """Whether TorchScript may be opened, which is code that comes with the model."""
    inputs: list[DeclaredTensor] = []
    """What a TorchScript model takes, in the order of its arguments."""
    outputs: list[DeclaredTensor] = []
    """What a TorchScript model gives, in order; if it returns a dict, by its keys."""


class TorchLoader(Loader):
    """Opens what torch.export.save wrote (kind `torch-export`, content a torch.export.ExportedProgram), after a check
    that it holds no code; with `allow_torchscript` also what torch.jit.save wrote (kind `torchscript`, content the Path
    of the file).

    Of an exported program `metadata` holds what `program.Described` says: `fixed`, `bounds` and `max_rows`.
    """

    options = TorchLoaderOptions
    settings: TorchLoaderOptions
    requires = ("torch",)
    extra = "cpu"

    @classmethod
    def detects(cls, source: str) -> bool:
        """By name; `.bin` and `.pkl`, which are others' as well, by their contents."""
        path = Path(source)
        if path.suffix in _OURS:
            return True
        try:
            return path.suffix in _SHARED and path.is_file() and kind_of(path) is Kind.PICKLE
        except OSError:
            return False

    def load(self, source: str) -> Artifact:
        """Open the file at `source`; raises LoadError naming it and why it cannot or must not be opened."""
        path = Path(source)
        if not path.is_file():
            raise LoadError(f"source '{source}' " + ("is not a file" if path.exists() else "does not exist"))
        self._check_hash(path, source)
        kind = kind_of(path)
        if kind is Kind.EXPORT:
            return _exported(path, source)
        if kind is Kind.TORCHSCRIPT:
            return self._torchscript(path, source)
        if kind is Kind.PICKLE:
            raise LoadError(
                f"'{source}' is a pickle, which can run any code when it is opened and is refused: {_EXPORT}"
            )
        if kind is Kind.OLD_EXPORT:
            raise LoadError(f"'{source}' was saved by torch.export of an old PyTorch: save it anew with 2.9 or later")
        raise LoadError(f"'{source}' is {kind.value}: {_EXPORT}")

    def _check_hash(self, path: Path, source: str) -> None:
        if self.settings.sha256 is None:
            return
        with path.open("rb") as file:
            got = hashlib.file_digest(file, "sha256").hexdigest()
        if got != self.settings.sha256:
            raise LoadError(f"'{source}' has sha256 {got}, and the configuration pins {self.settings.sha256}")

    def _torchscript(self, path: Path, source: str) -> Artifact:
        settings = self.settings
        if not settings.allow_torchscript:
            raise LoadError(
                f"'{source}' is TorchScript, which is code that comes with the model, and is refused: {_EXPORT}, or "
                "set 'allow_torchscript: true' in the loader's options if you trust it"
            )
        if not settings.inputs or not settings.outputs:
            raise LoadError(
                f"'{source}' is TorchScript, which does not say what it takes: declare 'inputs' and 'outputs' in the "
                "loader's options, each a list of {name, datatype, shape}"
            )
        for tensor in (*settings.inputs, *settings.outputs):
            if tensor.datatype is Datatype.BYTES:
                raise LoadError(f"'{tensor.name}' of '{source}' is declared as BYTES, of which PyTorch has no tensors")
        return Artifact("torchscript", source, path, declared_signature(settings.inputs, settings.outputs))


def _exported(path: Path, source: str) -> Artifact:
    import torch

    try:
        inspect(torch._C.PyTorchFileReader(str(path)), source)
        program = _program(path)
        described = describe(program, source)
    except LoadError:
        raise
    except Exception as error:
        text = (str(error).splitlines() or [""])[0].replace(str(path), source)
        raise LoadError(
            f"'{source}' cannot be opened as an exported program: {type(error).__name__}: {text}"
        ) from error
    metadata = {"fixed": described.fixed, "bounds": described.bounds, "max_rows": described.max_rows}
    return Artifact("torch-export", source, program, described.signature, metadata=metadata)


def _program(path: Path) -> Any:
    # torch.export.load would turn to an older, unchecked format if this failed
    from torch.export.pt2_archive._package import load_pt2

    if path.suffix == ".pt2":
        return load_pt2(str(path)).exported_programs["model"]
    with path.open("rb") as file:  # of a path with another suffix it warns
        return load_pt2(file).exported_programs["model"]
