"""Heads of requests that came before: clients repeat theirs byte for byte, so that it need not be parsed again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jackfield.interfaces.endpoint import FindShortcut, Shortcut

_END = b"\r\n\r\n"
_LONGEST = 4096  # bytes of a head that is kept
_MOST = 512  # how many are kept
_MISSES = 32  # heads in a row that were new: a client that changes its head each time is not learned from
_SPECIAL = frozenset((b"transfer-encoding", b"expect", b"upgrade", b"content-encoding"))


@dataclass(slots=True, eq=False)
class Head:
    """`size`: bytes of request line and headers. `whole`: of these and the body. What it is sent to is `shortcut`."""

    size: int
    whole: int
    shortcut: Shortcut


class Heads:
    """Shared by all connections, used on the event loop. `find`: the shortcut for a method, a path and headers.

    What a head means depends on its bytes alone: it was parsed in full, and within all limits, when it was learned.
    """

    def __init__(self, find: FindShortcut) -> None:
        self._find = find
        self._known: dict[bytes, Head] = {}
        self._new = 0

    def known(self, data: bytes) -> Head | None:
        """The head of the one request that `data` is, body and all; None if it is not that, or was not learned."""
        end = data.find(_END, 0, _LONGEST)
        head = self._known.get(data[: end + 4])
        if head is None or len(data) != head.whole:
            return None
        self._new = 0
        return head

    def learn(self, data: bytes, method: str, path: str, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Keep the head of `data`, which was parsed as one complete HTTP/1.1 request for method and path."""
        self._new += 1
        end = data.find(_END, 0, _LONGEST)
        if end < 0 or self._new > _MISSES:
            if self._new > 16 * _MISSES:
                self._new = 0  # another client may have come meanwhile
            return
        values = dict(headers)
        if len(values) < len(headers) or not _SPECIAL.isdisjoint(values):
            return
        if values.get(b"connection", b"keep-alive").lower() != b"keep-alive":
            return
        length = values.get(b"content-length", b"")
        if not length.isdigit() or int(length) != len(data) - end - 4:
            return
        shortcut = self._find(method, path, values)
        if shortcut is not None:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[data[: end + 4]] = Head(end + 4, len(data), shortcut)
