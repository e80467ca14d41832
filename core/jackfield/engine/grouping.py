"""What must be equal in works that share a step beside their shapes: `group_by` of a batching policy."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from operator import attrgetter
from typing import Any

from jackfield.work import Request

_LONGEST_TEXT = 1024
_MOST_PARTS = 256
_DEEPEST = 8
_ABSENT = "absent"
PARAMETER = "parameters."

Group = Callable[[Request], Hashable]


def grouping(keys: Sequence[str]) -> Group:
    """A function that gives what `keys` (`tenant`, `priority`, `outputs`, `parameters.NAME`) are in a request, as one
    hashable value. It never raises for a value that a client has sent. Raises ValueError for an unknown key."""
    getters = [_getter(key) for key in keys]
    return lambda request: tuple(get(request) for get in getters)


def comparable(value: Any) -> Hashable:
    """A client's `value` as something that equals, and hashes like, values that are the same to a model.

    What is long, deep, or no JSON equals nothing but itself: looking at all of it would hold up the engine, and works
    that are never joined are safe at least.
    """
    parts: list[Hashable] = []
    return tuple(parts) if _take_apart(value, parts, 0) else object()


def _getter(key: str) -> Group:
    if key.startswith(PARAMETER) and key != PARAMETER:
        name = key.removeprefix(PARAMETER)
        return lambda request: comparable(request.parameters[name]) if name in request.parameters else _ABSENT
    if key == "outputs":  # in any order, they are the same outputs
        return lambda request: frozenset(request.outputs)
    if key in ("tenant", "priority"):
        return attrgetter(key)
    raise ValueError(f"works cannot be grouped by '{key}', only by tenant, priority, outputs or {PARAMETER}NAME")


def _take_apart(value: Any, parts: list[Hashable], depth: int) -> bool:
    """Whether all of `value` has been put into `parts`; types are noted too, since to Python 1 == 1.0 == True."""
    kind = type(value)
    if kind is str:
        parts.append((kind, value))
        return len(value) <= _LONGEST_TEXT
    if kind is float:
        parts.append((kind, value.hex()))  # one that is not a number does not equal itself
        return True
    if value is None or kind is bool or kind is int:
        parts.append((kind, value))
        return True
    if kind not in (list, tuple, dict) or depth == _DEEPEST or len(parts) + len(value) > _MOST_PARTS:
        return False
    parts.append((kind, len(value)))
    if kind is not dict:
        return all(_take_apart(item, parts, depth + 1) for item in value)
    if not all(type(name) is str for name in value):
        return False
    return all(_take_apart(part, parts, depth + 1) for name in sorted(value) for part in (name, value[name]))
