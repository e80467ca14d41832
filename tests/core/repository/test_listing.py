"""What is found in a folder of versions, and what of it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from jackfield.errors import LoadError
from jackfield.repository import Repository, is_repository
from jackfield.repository import listing as listing_module


def detects(source: str) -> bool:
    """As a loader would: a file with the right ending, or a folder with the right file."""
    return source.endswith(".model") or (Path(source) / "config").is_file()


def _put(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _repository(root: Path, artifact: str | None = None) -> Repository:
    return Repository("m", str(root), detects, artifact)


def test_a_version_is_a_folder_that_a_loader_knows_or_that_holds_one_thing_it_knows(tmp_path: Path) -> None:
    _put(tmp_path / "1" / "a.model", "four")
    _put(tmp_path / "1" / "notes.txt")
    _put(tmp_path / "2" / "config")
    _put(tmp_path / "2" / "weights.model")
    _put(tmp_path / "3" / "odd.bin")
    for ignored in (".4", "_5", "6.model"):
        _put(tmp_path / ignored / "a.model") if "." not in ignored[1:] else _put(tmp_path / ignored)
    found = _repository(tmp_path).versions()
    assert {name: one.source for name, one in found.items()} == {
        "1": str(tmp_path / "1" / "a.model"),
        "2": str(tmp_path / "2"),
        "3": str(tmp_path / "3" / "odd.bin"),
    }
    assert found["1"].size == 5
    assert not any(one.problem for one in found.values())


def test_artifact_says_what_to_open(tmp_path: Path) -> None:
    _put(tmp_path / "1" / "code.py")
    _put(tmp_path / "2" / "other.py")
    found = _repository(tmp_path, "code.py:Model").versions()
    assert found["1"].source == f"{tmp_path / '1' / 'code.py'}:Model"
    assert found["2"].problem == "its folder has no 'code.py', which `artifact` names"


def test_what_cannot_be_served_says_why(tmp_path: Path) -> None:
    _put(tmp_path / "two" / "a.model")
    _put(tmp_path / "two" / "b.model")
    (tmp_path / "empty").mkdir()
    _put(tmp_path / "a b" / "a.model")
    _put(tmp_path / "x..y" / "a.model")
    found = _repository(tmp_path).versions()
    assert "'a.model' and 'b.model'" in found["two"].problem
    assert "no loader knows" in found["empty"].problem
    assert found["a b"].problem == found["x..y"].problem
    assert "letters, digits" in found["a b"].problem


@pytest.mark.parametrize("name", ["../m/1", "/etc", "1\0", "", "..", ".hidden", "_copy", "a/b", "1" * 200])
def test_a_name_that_leaves_the_repository_is_refused(tmp_path: Path, name: str) -> None:
    _put(tmp_path / "m" / "1" / "a.model")
    assert "name" in _repository(tmp_path / "m").version(name).problem


def test_links_may_not_leave_the_repository(tmp_path: Path) -> None:
    outside = _put(tmp_path / "outside" / "a.model")
    root = tmp_path / "m"
    _put(root / "1" / "a.model")
    (root / "2").symlink_to(outside.parent)
    (root / "3").symlink_to("1")
    (root / "4").mkdir()
    (root / "4" / "a.model").symlink_to(outside)
    (root / "5").mkdir()
    (root / "5" / "a.model").symlink_to("../1/a.model")
    _put(root / "6" / "a.model")
    (root / "6" / "round").symlink_to("../6")
    (root / "7").mkdir()
    (root / "7" / "a.model").symlink_to("nothing")
    (root / "8").mkdir()
    (root / "8" / "a.model").symlink_to("a.model")
    (root / "9").symlink_to("9")
    (tmp_path / "link").symlink_to(root)
    found = _repository(tmp_path / "link").versions()
    assert found["2"].problem == "'2' is a link that leaves the repository"
    assert found["4"].problem == "'a.model' is a link that leaves the repository"
    assert "cannot be read" in found["7"].problem
    assert "cannot be read" in found["8"].problem
    assert found["9"].problem == "it has no folder in the repository"
    circle = _repository(root / "9")
    for read in (circle.versions, lambda: circle.version("1")):
        with pytest.raises(LoadError, match="of model 'm' cannot be read"):
            read()
    assert [found[name].problem for name in ("1", "3", "5", "6")] == [""] * 4


def test_a_stamp_changes_with_any_file(tmp_path: Path) -> None:
    file = _put(tmp_path / "1" / "deep" / "a.model", "one")
    _put(tmp_path / "1" / "b.model")
    repository = _repository(tmp_path, "b.model")
    first = repository.version("1")
    assert repository.version("1") == first
    _put(file, "two2")
    second = repository.version("1")
    assert second != first
    _put(tmp_path / "1" / "deep" / "new")
    assert repository.version("1") != second


def test_what_is_not_there_or_too_much_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LoadError, match="of model 'm' cannot be read: No such file"):
        _repository(tmp_path / "nothing").versions()
    assert _repository(tmp_path).version("1").problem == "it has no folder in the repository"
    for name in ("1", "2", "3"):
        _put(tmp_path / name / "a.model")
        _put(tmp_path / name / "b")
    monkeypatch.setattr(listing_module, "MOST_FILES", 1)
    assert "more than 1 files" in _repository(tmp_path).version("1").problem
    monkeypatch.setattr(listing_module, "MOST_VERSIONS", 2)
    with pytest.raises(LoadError, match="more than 2 versions"):
        _repository(tmp_path).versions()


def test_a_folder_is_a_repository_by_its_numbers_if_no_loader_knows_it(tmp_path: Path) -> None:
    _put(tmp_path / "numbers" / "1" / "a.model")
    _put(tmp_path / "names" / "v1" / "a.model")
    _put(tmp_path / "known" / "1" / "a.model")
    _put(tmp_path / "known" / "config")
    told = {name: is_repository(str(tmp_path / name), detects) for name in ("numbers", "names", "known", "nothing")}
    assert told == {"numbers": True, "names": False, "known": False, "nothing": False}
