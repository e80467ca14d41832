"""What a server gives at capacity: clients that ask again as soon as they have their answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from benchmarks.load import load


def goodput(port: int, requests: Sequence[bytes], connections: int, seconds: float, deadline: float) -> float:
    """Answers a second that came within `deadline` seconds."""
    measured = asyncio.run(load(port, requests, connections, seconds, warm=1))
    if not measured.right:
        raise SystemExit(f"none of {len(measured.latencies)} requests was answered at capacity")
    return measured.within(deadline) / seconds
