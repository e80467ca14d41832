"""Plans on disk: found by what they depend on, and not trusted unseen."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from jackfield_plugins.tensorrt.plans import PlanKey, Plans, default_folder

KEY = PlanKey({"model": "abc", "device": "any"})


def the_file(folder: Path) -> Path:
    (path,) = folder.glob("*.plan")
    return path


def test_a_plan_is_found_again_by_its_whole_key(tmp_path: Path) -> None:
    plans = Plans(tmp_path / "new")
    assert plans.find(KEY) is None
    assert plans.keep(KEY, b"the plan")
    assert Plans(tmp_path / "new").find(PlanKey({"device": "any", "model": "abc"})) == b"the plan"
    assert plans.find(PlanKey({"model": "abc", "device": "other"})) is None
    assert [path.suffix for path in (tmp_path / "new").iterdir()] == [".plan"]  # nothing half-written is left


@pytest.mark.parametrize("place", [0, 9, 20, 60, -1])
def test_a_changed_byte_is_noticed(tmp_path: Path, place: int) -> None:
    plans = Plans(tmp_path)
    plans.keep(KEY, b"the plan" * 10)
    path = the_file(tmp_path)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    assert plans.find(KEY) is None
    assert plans.keep(KEY, b"anew")
    assert plans.find(KEY) == b"anew"


@pytest.mark.parametrize("length", [0, 7, 15, 40, 80])
def test_a_truncated_file_is_noticed(tmp_path: Path, length: int) -> None:
    plans = Plans(tmp_path)
    plans.keep(KEY, b"the plan" * 10)
    path = the_file(tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    assert plans.find(KEY) is None


def test_a_plan_under_another_name_is_not_taken(tmp_path: Path) -> None:
    plans, other = Plans(tmp_path), PlanKey({"model": "def", "device": "any"})
    plans.keep(KEY, b"the plan")
    the_file(tmp_path).rename(tmp_path / f"{other.name}.plan")
    assert plans.find(other) is None


def test_a_folder_that_cannot_be_written_to_is_no_failure(tmp_path: Path) -> None:
    plans = Plans(tmp_path / "file" / "folder")
    (tmp_path / "file").write_text("no folder")
    assert not plans.keep(KEY, b"the plan")
    assert plans.find(KEY) is None
    with plans.alone(KEY):
        pass


def test_one_builds_while_the_others_wait(tmp_path: Path) -> None:
    plans, order = Plans(tmp_path), list[str]()
    inside, go = threading.Event(), threading.Event()

    def first() -> None:
        with plans.alone(KEY):
            inside.set()
            assert go.wait(30)
            order.append("first")

    def second() -> None:
        with Plans(tmp_path).alone(KEY):
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert inside.wait(30)
    threads[1].start()
    with plans.alone(PlanKey({"model": "other"})):  # which nobody builds
        order.append("other")
    go.set()
    for thread in threads:
        thread.join(30)
    assert order == ["other", "first", "second"]


def test_plans_are_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "jackfield" / "tensorrt"
    Plans(default_folder()).keep(KEY, b"the plan")
    mode = stat.S_IMODE(os.stat(the_file(default_folder())).st_mode)
    assert mode & 0o077 == 0


def test_timings_are_kept_by_kind_of_device(tmp_path: Path) -> None:
    plans = Plans(tmp_path)
    assert plans.timings("a") == b""
    plans.keep_timings("a", b"learned")
    assert (plans.timings("a"), plans.timings("b")) == (b"learned", b"")
