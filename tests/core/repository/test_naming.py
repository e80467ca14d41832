"""The order of versions, and which of them are served."""

from __future__ import annotations

import random

import pytest

from jackfield.config.models import Latest
from jackfield.repository import chosen, ordered
from jackfield.repository.naming import Policy

ORDER = ["2024-09-30", "2024-10-01", "v2", "v2-b", "v2.1", "v10", "0", "1", "2", "9", "10", "20240101", "9" * 40]


def test_numbers_are_ordered_as_numbers_and_other_names_come_before_them() -> None:
    names = list(ORDER)
    random.Random(1).shuffle(names)
    assert ordered(names) == ORDER


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        ("latest", ["10"]),
        (Latest(latest=2), ["9", "10"]),
        (Latest(latest=9), ["blue", "2", "9", "10"]),
        ("all", ["blue", "2", "9", "10"]),
        (("blue", "10", "77"), ["blue", "10"]),
    ],
)
def test_a_policy_chooses(policy: Policy, served: list[str]) -> None:
    assert chosen(["10", "9", "blue", "2"], policy) == served
    assert chosen([], policy) == []
