"""What replicas that generate hold at this moment, gathered from their policies and executors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from jackfield import Server


class Engine(NamedTuple):
    """One replica: its running and waiting works, KV-cache blocks, and what its cache has done so far, in blocks."""

    model: str
    version: str
    replica: str
    running: float
    waiting: float
    preemptions: float
    usage: float
    waste: float
    block_tokens: float
    lookups: float
    hits: float
    evictions: float

    @property
    def number(self) -> str:
        """Which of its version's replicas it is."""
        return self.replica.rpartition("/")[2]


def engines(server: Server) -> Iterator[Engine]:
    """All replicas with a KV cache."""
    for version in server.versions:
        waiting = {replica.name: float(getattr(replica, "waiting", 0)) for replica in version.replicas}
        policies = version.policy_states
        for replica, held in version.executor_states.items():
            if "blocks" not in held:
                continue
            policy = policies.get(replica, {})
            paused = policy.get("paused", 0.0)
            yield Engine(
                version.model,
                version.name,
                replica,
                policy.get("running", 0.0) - paused,
                waiting.get(replica, 0.0) + paused,
                policy.get("preemptions", 0.0),
                held["blocks_held"] / held["blocks"],
                held["waste"],
                held["block_tokens"],
                held["prefix_lookups"],
                held["prefix_hits"],
                held["evictions"],
            )
