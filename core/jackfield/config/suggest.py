"""The clause of an error that says what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_NOUNS = {
    "backend": "a backend",
    "batching": "a batching policy",
    "endpoint": "an endpoint",
    "loader": "a loader",
    "observer": "an observer",
    "placement": "a placement",
    "router": "a router",
    "scheduler": "a scheduler",
}


def noun(socket: str) -> str:
    """What fills a socket, with its article."""
    return _NOUNS[socket]


def suggestion(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'fifo'? (known: fifo, priority)`."""
    names = list(known)
    everything = f"known: {', '.join(names) or 'none'}"
    near = nearest(name, names)
    return f"{near} ({everything})" if near else f"; {everything}"


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'fifo'?`, or nothing if no name is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""
