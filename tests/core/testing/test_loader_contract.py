"""The contract of loaders catches what a loader can get wrong."""

from __future__ import annotations

import importlib.util
import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jackfield.errors import LoadError
from jackfield.interfaces import Artifact, Loader
from jackfield.options import Options
from jackfield.testing import LoaderContract
from tests.core.testing.breaking import assert_breaks, broken


class Good(Loader):
    """Numbers in JSON."""

    def __init__(self) -> None:
        super().__init__(Options())

    @classmethod
    def detects(cls, source: str) -> bool:
        return source.endswith(".numbers")

    def load(self, source: str) -> Artifact:
        try:
            content = self.read(Path(source))
        except (OSError, ValueError) as error:
            raise self.refusal(source, error) from error
        return Artifact("numbers", source, content, None)

    def read(self, path: Path) -> Any:
        return json.loads(path.read_bytes())

    def refusal(self, source: str, error: Exception) -> Exception:
        return LoadError(f"'{source}' is not a file of numbers: {type(error).__name__}")


class TakesAll(Good):
    """Thinks that everything is for it."""

    @classmethod
    def detects(cls, source: str) -> bool:
        return "." in source


class TakesNothing(Good):
    """Expects another name."""

    @classmethod
    def detects(cls, source: str) -> bool:
        return source.endswith(".number")


class Stumbles(Good):
    """Looks at the disk without care."""

    @classmethod
    def detects(cls, source: str) -> bool:
        return Path(source).is_file() and Path(source).read_text()[0] == "["


class Vague(Good):
    """Says neither yes nor no."""

    @classmethod
    def detects(cls, source: str) -> Any:
        return source.endswith(".numbers") or None


class Writes(Good):
    """Leaves a note that it has been there."""

    @classmethod
    def detects(cls, source: str) -> bool:
        if source.endswith(".numbers"):
            Path(source).with_suffix(".seen").touch()
        return source.endswith(".numbers")


class Caches(Good):
    """Keeps a quicker copy beside the artifact."""

    def read(self, path: Path) -> Any:
        path.with_suffix(".cache").write_bytes(path.read_bytes())
        return super().read(path)


class Runs(Good):
    """Imports a helper from the artifact's folder."""

    def read(self, path: Path) -> Any:
        spec = importlib.util.spec_from_file_location("helper_of_an_artifact", path.with_name("helper.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["helper_of_an_artifact"] = module
        spec.loader.exec_module(module)
        return super().read(path)


class Unpickles(Good):
    """Takes pickles as well."""

    def read(self, path: Path) -> Any:
        try:
            return super().read(path)
        except ValueError:
            return pickle.loads(path.read_bytes())  # noqa: S301


class LetsPass(Good):
    """Lets pass what the library raises."""

    def load(self, source: str) -> Artifact:
        return Artifact("numbers", source, self.read(Path(source)), None)


class Shrugs(Good):
    """Makes something of everything."""

    def read(self, path: Path) -> Any:
        try:
            return super().read(path)
        except ValueError:
            return []


class Mute(Good):
    """Does not say what is wrong with what."""

    def refusal(self, source: str, error: Exception) -> Exception:
        return LoadError("cannot load the model")


class Chatty(Good):
    """Tells everything."""

    def refusal(self, source: str, error: Exception) -> Exception:
        return LoadError(f"'{source}' is not a file of numbers:\nTraceback (most recent call last): ...")


class Renames(Good):
    """Forgets where it came from."""

    def load(self, source: str) -> Artifact:
        return Artifact("numbers", Path(source).stem, super().load(source).content, None)


def contract(make: Callable[[], Loader]) -> type[LoaderContract]:
    class Contract(LoaderContract):
        def loader(self) -> Loader:
            return make()

        def write(self, folder: Path) -> str:
            (folder / "helper.py").write_text("RAN = True\n")
            (folder / "model.numbers").write_text("[1, 2, 3]")
            return str(folder / "model.numbers")

        def parts(self, folder: Path) -> list[Path]:
            return [folder / "model.numbers"]

    return Contract


def test_a_good_loader_keeps_to_it() -> None:
    assert broken(contract(Good)) == {}


@pytest.mark.parametrize(
    ("loader", "test", "says"),
    [
        (TakesAll, "other_sources_are_not_detected", "notes.txt' is taken for a source of this loader"),
        (TakesNothing, "its_own_sources_are_detected", "model.numbers' is not detected"),
        (Stumbles, "detects_never_raises", "raised OSError"),
        (Vague, "other_sources_are_not_detected", "gives None"),
        (Writes, "detects_runs_nothing_and_changes_nothing", "detects changed the artifact"),
        (Caches, "an_artifact_is_opened", "load changed the artifact"),
        (Runs, "an_artifact_is_opened", "code of the artifact was imported"),
        (Unpickles, "a_corrupt_artifact_is_a_load_error", "instead of LoadError"),
        (LetsPass, "a_missing_artifact_is_a_load_error", "raised FileNotFoundError instead of LoadError"),
        (LetsPass, "a_corrupt_artifact_is_a_load_error", "raised JSONDecodeError instead of LoadError"),
        (Shrugs, "a_corrupt_artifact_is_a_load_error", "was opened as if nothing were wrong"),
        (Mute, "a_missing_artifact_is_a_load_error", "does not name"),
        (Chatty, "a_corrupt_artifact_is_a_load_error", "is more than a sentence"),
        (Renames, "an_artifact_is_opened", "the artifact's source is 'model'"),
    ],
)
def test_what_a_loader_gets_wrong_is_caught(
    loader: type[Loader], test: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "helper_of_an_artifact", raising=False)
    assert_breaks(contract(loader), test, says)
