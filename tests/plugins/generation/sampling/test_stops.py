"""An answer ends where a stop text does, however the tokens cut it."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield_plugins.generation.sampling.stops import Stops


def _expected(text: str, stops: list[str], include: bool) -> tuple[str, str | None]:
    for end in range(len(text) + 1):
        ended = [stop for stop in stops if text[:end].endswith(stop)]
        if ended:
            stop = max(ended, key=len)
            return text[: end if include else end - len(stop)], stop
    return text, None


@settings(deadline=None, derandomize=True, max_examples=400)
@given(
    text=st.text("ab", max_size=14),
    stops=st.lists(st.text("ab", min_size=1, max_size=4), max_size=3),
    cuts=st.lists(st.integers(0, 14), max_size=6),
    include=st.booleans(),
)
def test_cuts_change_nothing(text: str, stops: list[str], cuts: list[int], include: bool) -> None:
    watch = Stops(stops, include)
    given_on = ""
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    for start, end in pairwise(places):
        given_on += watch.add(text[start:end])
        assert text.startswith(given_on)
        if watch.found is not None:
            break
    if watch.found is None:
        given_on += watch.finish()
    assert (given_on, watch.found) == _expected(text, stops, include)


def test_only_what_may_begin_a_stop_is_held_back() -> None:
    watch = Stops(["END", "\n\n"])
    assert [watch.add(part) for part in ("some text E", "N", "X\n", "more", "\n")] == [
        "some text ",
        "",
        "ENX",
        "\nmore",
        "",
    ]
    assert watch.finish() == "\n"
    assert Stops([]).add("END") == "END"
