"""What a client sends as a parameter is compared by what it is, and never makes the loop stumble."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.engine.grouping import comparable, grouping
from jackfield.testing import make_request

VALUES: list[Any] = [None, 0, 1, 1.0, True, False, "1", "", [1], [[1]], [1, 1], {"a": 1}, {"b": 1}, {}, [], ["a", 1]]


@pytest.mark.parametrize("place", range(len(VALUES)))
def test_different_values_are_different(place: int) -> None:
    assert [n for n, value in enumerate(VALUES) if comparable(value) == comparable(VALUES[place])] == [place]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=12,
    )
)
def test_equal_json_is_equal_however_it_is_ordered(value: Any) -> None:
    def again(one: Any) -> Any:
        if isinstance(one, dict):
            return {name: again(one[name]) for name in reversed(one)}
        return [again(item) for item in one] if isinstance(one, list) else one

    assert comparable(value) == comparable(again(value))
    assert hash(comparable(value)) == hash(comparable(again(value)))


def _deep() -> Any:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    return value


def _circular() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


class Hostile:
    """Raises whatever is done with it."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not to be compared")


@pytest.mark.parametrize(
    "value",
    ["x" * 2000, list(range(100_000)), {str(n): n for n in range(1000)}, _deep(), _circular(), Hostile(), {1: 2}, {1}],
    ids=["long", "wide", "wide section", "deep", "circular", "hostile", "no text for a name", "a set"],
)
def test_what_is_unwieldy_equals_nothing_but_itself(value: Any) -> None:
    one, another = comparable(value), comparable(value)
    assert one in {one}
    assert hash(one) is not None
    assert one != another


def test_a_request_is_told_by_each_key() -> None:
    group = grouping(["tenant", "priority", "outputs", "parameters.language"])
    base = group(make_request())
    assert base == group(make_request(id="another", parameters={"unrelated": 1}))
    for other in (
        make_request(tenant="a"),
        make_request(priority=2),
        make_request(outputs=("y",)),
        make_request(parameters={"language": "de"}),
        make_request(parameters={"language": None}),
    ):
        assert group(other) != base


def test_outputs_are_the_same_in_any_order() -> None:
    group = grouping(["outputs"])
    assert group(make_request(outputs=("a", "b"))) == group(make_request(outputs=("b", "a")))


@pytest.mark.parametrize("key", ["", "model", "parameters", "parameters.", "Tenant"])
def test_an_unknown_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=f"cannot be grouped by '{key}'"):
        grouping([key])
