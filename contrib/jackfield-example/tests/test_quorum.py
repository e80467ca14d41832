"""The policy keeps to the contract of its socket, and does what it is for."""

import asyncio

from jackfield.testing import BatchingPolicyContract, make_request, serving

import jackfield_example
from jackfield_example import Quorum, QuorumOptions


class TestQuorum(BatchingPolicyContract):
    def policy(self) -> Quorum:
        return Quorum(QuorumOptions())


class TestLargeQuorum(BatchingPolicyContract):
    longest_wait = 0.5

    def policy(self) -> Quorum:
        return Quorum(QuorumOptions(requests=100, patience_ms=500, max_rows=7))


def test_requests_that_make_a_quorum_share_a_step() -> None:
    model = {"source": "scripted:double", "batching": {"policy": "quorum", "requests": 3, "patience_ms": 60_000}}

    async def ask() -> list[int]:
        async with serving({"models": {"double": model}}, [jackfield_example]) as server:
            works = [server.submit(make_request()) for _ in range(3)]
            await asyncio.gather(*(work.future for work in works))
            return [work.report.rows for work in works]

    assert asyncio.run(ask()) == [3, 3, 3]
