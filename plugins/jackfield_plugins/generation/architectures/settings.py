"""What a decoder's configuration comes to, whatever it was written in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from jackfield.errors import LoadError
from jackfield_plugins.generation.spec import Rope


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """Numbers of a decoder. `biases`: the linears that have one; None: those that the file holds. `windows`: one a
    layer, 0 for none. `tied`: the head is the embedding; None: if the file holds no other."""

    hidden: int
    layers: int
    heads: int
    key_value_heads: int
    head_size: int
    feed_forward: int
    vocabulary: int
    context: int
    epsilon: float
    rope: Rope
    windows: tuple[int, ...]
    biases: frozenset[str] | None
    tied: bool | None


class Reader:
    """Reads values of a configuration by key; a LoadError names the file, the key, what it holds and what it must.

    `prefix` is put before every key, `section` only where a key is shown.
    """

    _LARGEST = 2**31 - 1

    def __init__(self, values: Mapping[str, Any], source: str, prefix: str = "", section: str = "") -> None:
        self.source = source
        self._values = values
        self._prefix = prefix
        self._section = section

    def get(self, key: str) -> Any:
        """The value as it is; None if there is none."""
        return self._values.get(self._prefix + key)

    def count(self, key: str, default: int | None = None) -> int:
        """A whole number from 1 on."""
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= self._LARGEST:
            raise self.wrong(key, value, f"a whole number from 1 to {self._LARGEST}")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A number above 0."""
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise self.wrong(key, value, "a number above 0")
        return float(value)

    def wrong(self, key: str, value: Any, right: str) -> LoadError:
        """The error that says so."""
        shown = repr(value)
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        return LoadError(f"{self._key(key)} of '{self.source}' is {shown}, and must be {right}")

    def _value(self, key: str, default: float | None) -> Any:
        value = self.get(key)
        if value is None and default is None:
            raise LoadError(f"'{self.source}' does not say {self._key(key)}, which its architecture needs")
        return default if value is None else value

    def _key(self, key: str) -> str:
        return f"'{self._section}{self._prefix}{key}'"


def check_heads(settings: Settings, source: str) -> None:
    """Raise LoadError, naming `source`, if the heads of keys and values do not go into those of queries."""
    if settings.heads % settings.key_value_heads:
        raise LoadError(
            f"'{source}' has {settings.heads} heads and {settings.key_value_heads} of keys and values, "
            "which must divide it"
        )
    if settings.head_size % 2:
        raise LoadError(
            f"'{source}' has heads of {settings.head_size} elements, which must be an even number to rotate"
        )
    if len(settings.windows) != settings.layers:
        raise LoadError(f"'{source}' has {settings.layers} layers and names the kind of {len(settings.windows)}")


Style = Literal["halves", "pairs"]
