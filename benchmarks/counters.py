"""The server's own counters, out of its metrics."""

from __future__ import annotations

import re
import urllib.request
from dataclasses import dataclass, fields

_LINE = re.compile(
    r'jackfield_requests(_accepted|_refused)?_total\{model="([^"]+)",(?:[^}]*?(?:reason|state)="(\w+)")?[^}]*\} (\S+)'
)


@dataclass(slots=True)
class Counters:
    """Requests of one model so far: accepted ones, what became of them, and those that never were accepted."""

    accepted: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    expired: int = 0
    shed: int = 0
    invalid: int = 0
    unavailable: int = 0
    quota: int = 0

    @property
    def outstanding(self) -> int:
        """Accepted and not over; 0 at every quiet moment."""
        return self.accepted - self.completed - self.failed - self.cancelled - self.expired

    def since(self, before: Counters) -> Counters:
        """What was added since `before`."""
        return Counters(*(getattr(self, one.name) - getattr(before, one.name) for one in fields(self)))


def counters(port: int, model: str) -> Counters:
    """Those of `model` now."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    found = Counters()
    for _, name, label, value in _LINE.findall(text):
        if name == model:
            kind = label or "accepted"  # of all versions, those that are gone included
            setattr(found, kind, getattr(found, kind) + int(float(value)))
    return found
