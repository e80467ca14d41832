"""The order of versions, and which of them a policy serves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from jackfield.config.models import Latest

Policy = str | Latest | Sequence[str]
"""`latest`, `all`, the last so many, or a list of names."""

_DIGITS = re.compile(r"([0-9]+)")
_Key = tuple[bool, list[tuple[int, int, str]], str]


def ordered(names: Iterable[str]) -> list[str]:
    """From the oldest to the latest.

    Names that are numbers are ordered as such, 10 after 9. Other names come before all numbers; among each other they
    are ordered part by part, where digits count as numbers: `v2` before `v10`, `2024-09-30` before `2024-10-01`.
    """
    return sorted(names, key=_key)


def chosen(names: Iterable[str], policy: Policy) -> list[str]:
    """Those of `names` that `policy` serves, from the oldest to the latest."""
    known = ordered(names)
    if policy == "all":
        return known
    if policy == "latest":
        return known[-1:]
    if isinstance(policy, Latest):
        return known[-policy.latest :]
    return [name for name in known if name in policy]


def is_number(name: str) -> bool:
    """Whether a version's name is a number."""
    return name.isascii() and name.isdecimal()


def _key(name: str) -> _Key:
    parts = [(0, int(part), "") if is_number(part) else (1, 0, part) for part in _DIGITS.split(name) if part]
    return is_number(name), parts, name
