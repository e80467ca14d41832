"""More than can be served, from all or from one: counts, not times (those: benchmarks/overload.py)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.openloop import offer, poisson

from tests.e2e.company import counted, neighbour, quiet, survived
from tests.e2e.conftest import DOUBLE, FICKLE
from tests.e2e.launch import Live, launched
from tests.e2e.sockets import post, rows

STEP_SECONDS = 0.02
SHED, EXPIRED = 429, 503
TENANTS = ("noisy", "quiet", "silent")
ANSWERS = 240


def fickle(**more: object) -> dict[str, object]:
    """A step of one request takes `STEP_SECONDS`, so that fifty a second are served."""
    return {**FICKLE, "batching": "none", **more}


ASKED = rows(900 + STEP_SECONDS)


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[Live]:
    """Few may wait, and nobody for long."""
    config = {
        "models": {"double": DOUBLE, "fickle": fickle(scheduler={"policy": "fifo", "max_queue": 16}, timeout_s=0.25)},
        "endpoints": {"open-inference": {"overload_status": SHED}, "metrics": {}},
    }
    with launched(config, tmp_path) as live:
        yield live


def test_ten_times_the_load(crowded: Live) -> None:
    """Each request gets one answer, of a kind that the server counts too; another model is served meanwhile."""
    asked = 1000
    moments = list(poisson(lambda _: 10 / STEP_SECONDS, 60.0, seed=1))[:asked]
    with neighbour(crowded):
        seen = asyncio.run(offer(crowded.port, [post("fickle", ASKED)], moments, 200))
        counts = quiet(crowded, "fickle")
    by_status = {status: len(latencies) for status, latencies in seen.latencies.items() if latencies}
    assert (seen.unsent, seen.broken) == (0, 0)
    assert sum(by_status.values()) == asked
    assert by_status[200] == counts["jackfield_requests_total:completed"]
    assert by_status[SHED] == counts["jackfield_requests_refused_total:shed"]
    assert by_status.get(EXPIRED, 0) == counts["jackfield_requests_total:expired"]
    assert by_status.keys() <= {200, SHED, EXPIRED}
    assert by_status[SHED] > asked // 2
    survived(crowded, "double", "fickle")


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Live]:
    """Tenants have equal shares."""
    config = {
        "models": {"double": DOUBLE, "fickle": fickle(scheduler="fair")},
        "endpoints": {"open-inference": {"tenant_header": "x-tenant"}, "metrics": {}},
    }
    with launched(config, tmp_path) as live:
        yield live


def test_a_noisy_tenant_takes_nothing_from_the_others(shared: Live) -> None:
    """One tenant asks over ten times as many connections as two others, which always have some requests waiting."""
    answers: Counter[str] = Counter()

    async def client(tenant: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", shared.port)
        while answers.total() < ANSWERS:
            writer.write(post("fickle", ASKED, ("X-Tenant", tenant)))
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.split(b"\r\ncontent-length: ")[1].split(b"\r\n")[0]))
            assert head.startswith(b"http/1.1 200")
            answers[tenant] += 1
        writer.close()

    async def all_of_them() -> None:
        await asyncio.gather(*(client(tenant) for tenant in TENANTS for _ in range(40 if tenant == "noisy" else 4)))

    asyncio.run(all_of_them())
    in_race = ANSWERS  # what was under way when the count was reached, of the noisy one mostly, is not part of it
    assert min(answers["quiet"], answers["silent"]) >= 0.9 * in_race / len(TENANTS), answers
    assert counted(shared, "fickle", "completed") == answers.total()
    survived(shared, "double", "fickle")
