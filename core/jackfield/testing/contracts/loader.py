"""What every loader keeps to."""

from __future__ import annotations

import pickle
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from jackfield.errors import LoadError
from jackfield.interfaces import Artifact, Loader
from jackfield.types import Signature


class LoaderContract(ABC):
    """Subclass it with a name that begins with `Test`, say by `loader` and `write` what is to be tested, run pytest.

    `runs_code`: whether a source is code that `load` runs, on purpose; `detects` never does.
    `notices_truncation`: whether half of a file cannot be taken for a whole one.
    """

    runs_code: ClassVar[bool] = False
    notices_truncation: ClassVar[bool] = True

    @abstractmethod
    def loader(self) -> Loader:
        """A new loader, made with options as the configuration would."""

    @abstractmethod
    def write(self, folder: Path) -> str:
        """Write an artifact into the empty `folder`, and return its source."""

    def others(self) -> Sequence[str]:
        """Sources that are not for this loader, beyond those that are for none."""
        return ()

    def parts(self, folder: Path) -> Sequence[Path]:
        """The files in `folder` without which its artifact cannot be opened. By default all of them."""
        return _files(folder)

    def test_its_own_sources_are_detected(self) -> None:
        """By the class alone, without an instance."""
        with self._written() as (_, source):
            assert type(self.loader()).detects(source) is True, f"'{source}' is not detected"

    def test_other_sources_are_not_detected(self) -> None:
        """Also not a folder or a file of something else."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "empty").mkdir()
            (folder / "notes.txt").write_text("nothing to load")
            (folder / "noise.dat").write_bytes(bytes(range(256)))
            sources = [str(folder / one) for one in ("empty", "notes.txt", "noise.dat", "missing.dat")]
            for source in (*sources, *self.others()):
                assert self._detects(source) is False, f"'{source}' is taken for a source of this loader"

    def test_detects_never_raises(self) -> None:
        """Whatever the configuration says."""
        for source in (
            "",
            " ",
            ".",
            "/",
            "..",
            "a\0b",
            "\ud800",
            "x" * 5000,
            "https://host/a b?c#d",
            "~",
            ":",
            "a:b:c",
        ):
            self._detects(source)

    def test_detects_runs_nothing_and_changes_nothing(self) -> None:
        """It looks at names and first bytes."""
        with self._written() as (folder, source):
            before, modules = _contents(folder), set(sys.modules)
            self._detects(source)
            assert _contents(folder) == before, "detects changed the artifact"
            self._nothing_ran(folder, modules)

    def test_an_artifact_is_opened(self) -> None:
        """As often as is asked for, and it is left as it was."""
        with self._written() as (folder, source):
            before, modules = _contents(folder), set(sys.modules)
            for _ in range(2):
                artifact = self.loader().load(source)
                assert isinstance(artifact, Artifact), f"load gives {artifact!r}"
                assert isinstance(artifact.kind, str), f"the artifact's kind is {artifact.kind!r}"
                assert artifact.source == source, f"the artifact's source is '{artifact.source}', not '{source}'"
                assert artifact.signature is None or isinstance(artifact.signature, Signature)
            if not self.runs_code:
                assert _contents(folder) == before, "load changed the artifact"
                self._nothing_ran(folder, modules)

    def test_a_missing_artifact_is_a_load_error(self) -> None:
        """Its one sentence names the source."""
        with self._written() as (folder, source):
            for path in self.parts(folder):
                path.unlink()
            self._refused(source, "an artifact whose files are gone")

    def test_a_corrupt_artifact_is_a_load_error(self) -> None:
        """Emptied, cut in half, or something else altogether; and nothing in it is run."""
        with self._written() as (folder, _):
            names = [path.relative_to(folder) for path in self.parts(folder)]
        for name in names:
            for how, spoil in _SPOILS.items():
                if how == "cut in half" and not self.notices_truncation:
                    continue
                with self._written() as (folder, source), tempfile.TemporaryDirectory() as elsewhere:
                    trap = Path(elsewhere) / "ran"
                    content = (folder / name).read_bytes()
                    (folder / name).write_bytes(spoil(content, trap))
                    self._refused(source, f"an artifact whose file '{name}' is {how}")
                    assert not trap.exists(), f"load ran what was in '{name}'"

    def _detects(self, source: str) -> bool:
        try:
            answer = type(self.loader()).detects(source)
        except Exception as error:
            raise AssertionError(f"detects({source[:60]!a}) raised {type(error).__name__}") from error
        assert isinstance(answer, bool), f"detects({source[:60]!a}) gives {answer!r}"
        return answer

    def _refused(self, source: str, what: str) -> None:
        try:
            self.loader().load(source)
        except LoadError as error:
            sentence = str(error)
            assert sentence.strip(), f"{what}: the LoadError says nothing"
            assert "\n" not in sentence, f"{what}: the LoadError is more than a sentence: {sentence!r}"
            named = source in sentence or Path(source).name in sentence
            assert named, f"{what}: the LoadError does not name '{source}': {sentence}"
            return
        except Exception as error:
            raise AssertionError(f"{what} raised {type(error).__name__} instead of LoadError: {error}") from error
        raise AssertionError(f"{what} was opened as if nothing were wrong")

    def _nothing_ran(self, folder: Path, modules: set[str]) -> None:
        for name in set(sys.modules) - modules:
            origin = str(getattr(sys.modules[name], "__file__", None) or "")
            assert not origin.startswith(str(folder)), f"code of the artifact was imported: {origin}"

    @contextmanager
    def _written(self) -> Iterator[tuple[Path, str]]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "model"
            folder.mkdir()
            yield folder, self.write(folder)


class _Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.mkdir, (self.path,))


_SPOILS: dict[str, Any] = {
    "empty": lambda content, trap: b"",
    "cut in half": lambda content, trap: content[: len(content) // 2],
    "noise": lambda content, trap: bytes((7 * n + 3) % 256 for n in range(len(content))),
    "a pickle": lambda content, trap: pickle.dumps(_Trap(trap)),
}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in _files(folder)}
