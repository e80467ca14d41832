"""All keys of a server, and which of them a request shows."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from jackfield.clock import Clock
from jackfield.keys.caller import Caller
from jackfield.keys.entries import KeyConfig
from jackfield.keys.hashing import SCHEME, digest

_FIRST = 8  # bytes of a hash by which it is looked up
_NONE = bytes(32)
_LONGEST = 512  # bytes of a key that is looked at


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The keys that hold now, by the first bytes of their hashes. Another one takes its place when anything changes."""

    callers: Mapping[bytes, tuple[bytes, Caller]]
    open_health: bool


class Ring:
    """Used on the event loop. `table` is None as long as there are no keys, and everything is open. `nobody` is who
    asks without a key where there are some: no model is there for it."""

    def __init__(self, clock: Clock) -> None:
        self.table: Table | None = None
        self.nobody = Caller("", KeyConfig(hash=f"{SCHEME}{_NONE.hex()}", models=()), clock)
        self._clock = clock

    def find(self, key: bytes) -> Caller | None:
        """Whose `key` is; None if it is nobody's.

        The time that this takes tells nothing of any key: what is compared is the hash of what was sent. It is looked
        up by a part of it, as by a public name, and compared as a whole in constant time, also if there is no such
        key."""
        if self.table is None or len(key) > _LONGEST:
            return None
        given = digest(key)
        known, caller = self.table.callers.get(given[:_FIRST], (_NONE, None))
        return caller if hmac.compare_digest(known, given) else None

    def granted(self, right: str) -> bool:
        """Whether there is a key with `right`."""
        return self.table is not None and any(caller.may(right) for _, caller in self.table.callers.values())

    def change(self, entries: Mapping[str, KeyConfig], open_health: bool) -> None:
        """From now on `entries`, by name, are the keys. One that stays goes on with what it has used up."""
        before = dict(self.table.callers.values()) if self.table is not None else {}
        callers: dict[bytes, tuple[bytes, Caller]] = {}
        for name, entry in entries.items():
            known = bytes.fromhex(entry.hash.removeprefix(SCHEME))
            caller = before.get(known)
            if caller is None or caller.name != name:
                caller = Caller(name, entry, self._clock)
            else:
                caller.become(entry)
            callers[known[:_FIRST]] = known, caller
        self.table = Table(callers, open_health)
