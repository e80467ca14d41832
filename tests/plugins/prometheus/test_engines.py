from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from jackfield import Server
from jackfield_plugins.prometheus.engines import engines

HELD = {
    "blocks": 10.0, "blocks_held": 4.0, "waste": 0.1, "block_tokens": 16.0,
    "prefix_lookups": 5.0, "prefix_hits": 2.0, "evictions": 1.0,
}  # fmt: skip


def version(**more: Any) -> Any:
    found = {
        "model": "m",
        "name": "1",
        "replicas": [SimpleNamespace(name="m/1/0", waiting=3)],
        "policy_states": {"m/1/0": {"running": 5, "paused": 2, "preemptions": 7}},
        "executor_states": {"m/1/0": HELD},
    }
    return SimpleNamespace(**{**found, **more})


def test_what_was_preempted_waits() -> None:
    (one,) = engines(cast(Server, SimpleNamespace(versions=[version()])))
    assert (one.running, one.waiting, one.preemptions) == (3, 5, 7)
    assert (one.usage, one.waste, one.number) == (0.4, 0.1, "0")


def test_models_without_a_cache_are_none() -> None:
    none = [version(executor_states={}), version(executor_states={"m/1/0": {"other": 1.0}})]
    assert list(engines(cast(Server, SimpleNamespace(versions=none)))) == []
