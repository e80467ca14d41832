"""What of a repository is settled."""

from __future__ import annotations

from jackfield.repository import Found, Watch


def _found(name: str, size: int = 1, problem: str = "") -> dict[str, Found]:
    return {name: Found(name, f"/{name}", (("f", size, 0, 0),), problem)}


def test_the_first_look_is_believed() -> None:
    watch = Watch()
    watch.begin(_found("1"))
    assert list(watch.known) == ["1"]
    assert not watch.look(_found("1"))


def test_what_is_new_counts_once_it_was_the_same_twice() -> None:
    watch = Watch()
    watch.begin(_found("1"))
    for size in (1, 2, 3):  # it grows
        assert not watch.look(_found("1") | _found("2", size))
    assert watch.look(_found("1") | _found("2", 3))
    assert list(watch.known) == ["1", "2"]


def test_what_has_gone_counts_once_it_was_gone_twice() -> None:
    watch = Watch()
    watch.begin(_found("1") | _found("2"))
    assert not watch.look(_found("2"))
    assert not watch.look(_found("1") | _found("2"))  # it was only replaced
    assert not watch.look(_found("2"))
    assert watch.look(_found("2"))
    assert list(watch.known) == ["2"]


def test_what_has_changed_counts_as_before_until_it_is_settled() -> None:
    watch = Watch()
    watch.begin(_found("1"))
    watch.look(_found("1", 2))
    assert watch.known == _found("1")
    assert watch.look(_found("1", 2))
    assert watch.known == _found("1", 2)


def test_what_failed_is_not_tried_again_until_its_files_change() -> None:
    watch = Watch()
    watch.begin(_found("1"))
    first, other = watch.known["1"], _found("1", 2)["1"]
    assert watch.worth_loading(first)
    watch.failed("1", first.stamp)
    assert (watch.worth_loading(first), watch.worth_loading(other)) == (False, True)
    watch.loaded("1")
    assert watch.worth_loading(first)
    assert not watch.worth_loading(_found("1", problem="no")["1"])
