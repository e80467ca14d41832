"""Finding the library, and saying why it is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from jackfield.errors import LoadError
from jackfield_plugins.generation.native import NativeDecoder, NativeOptions, NotThere, availability
from jackfield_plugins.generation.native import library as module
from jackfield_plugins.generation.native.decoder import chosen_set
from tests.plugins.generation.native.reference import Kind, decoder_of


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is looked for anew in the test, and again after it."""
    monkeypatch.delenv(module.OTHER, raising=False)
    monkeypatch.setattr(module, "library", module.library.__wrapped__)


def test_it_is_here() -> None:
    """With the sets that the processor has, AVX2 at least."""
    there, said = availability()
    assert there
    assert "avx2" in said


@pytest.mark.usefixtures("fresh")
def test_without_a_library_the_reason_is_the_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the build hook wrote down is what is said."""
    reason = tmp_path / "reason.txt"
    reason.write_text("there was no C++ compiler\n")
    monkeypatch.setattr(module, "LIBRARY", tmp_path / "none.so")
    monkeypatch.setattr(module, "REASON", reason)
    assert availability() == (False, "the native step is not there: there was no C++ compiler")
    monkeypatch.setattr(module, "REASON", tmp_path / "none.txt")
    assert availability() == (False, "the native step is not there: it was not built with the package")


@pytest.mark.usefixtures("fresh")
def test_a_library_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be loaded."""
    (tmp_path / "broken.so").write_bytes(b"not a library")
    monkeypatch.setenv(module.OTHER, str(tmp_path / "broken.so"))
    there, said = availability()
    assert not there
    assert said.startswith("the native step cannot be loaded: ")


@pytest.mark.usefixtures("fresh")
def test_a_library_of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Left over from before an update."""
    monkeypatch.setattr(module, "INTERFACE", 999)
    with pytest.raises(NotThere, match="install the package again"):
        module.library()


def test_a_set_that_the_processor_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for by name, it is an error."""
    native = module.library()
    monkeypatch.setattr(native, "sets", lambda: 1)
    assert chosen_set(native, NativeOptions()) == 0
    with pytest.raises(LoadError, match="instruction set avx512 is not in this processor, which has avx2"):
        NativeDecoder(decoder_of(Kind()), 4, options=NativeOptions(instruction_set="avx512"))
