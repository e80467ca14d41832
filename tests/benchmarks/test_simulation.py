from __future__ import annotations

import pytest
from benchmarks.simulation import POLICIES, SCHEDULERS

from tests.benchmarks.running import printed, row


def test_every_policy_with_every_scheduler_answers_once_and_rightly() -> None:
    output = printed("simulation", "--requests", "12000")
    assert output.splitlines()[-1].endswith("; 0 wrong")
    seen = [0, 0, 0, 0]
    for policy in POLICIES:
        for scheduler in SCHEDULERS:
            accepted, *states = (int(column) for column in row(output, f"{policy}, {scheduler} ")[:5])
            assert accepted == 1000 == sum(states)
            seen = [one + more for one, more in zip(seen, states, strict=True)]
    assert all(seen), f"some state never occurred: {seen}"


@pytest.mark.slow
def test_the_seed_decides() -> None:
    def counts() -> list[list[str]]:
        output = printed("simulation", "--requests", "2400")
        return [row(output, f"{policy}, {scheduler} ")[:6] for policy in POLICIES for scheduler in SCHEDULERS]

    assert counts() == counts()
