"""The placement `thread`."""

from __future__ import annotations

from typing import Any, cast

from jackfield import Options, Replica, ReplicaSpec
from jackfield_plugins.placement import ThreadPlacement, jackfield_placements


def test_the_replica_is_built_right_here() -> None:
    replica = cast(Replica, object())

    class Spec:
        def build(self) -> Replica:
            return replica

    assert ThreadPlacement(Options()).start(cast(ReplicaSpec, Spec())) is replica


def test_its_name_is_thread() -> None:
    found: Any = jackfield_placements()
    assert found == {"thread": ThreadPlacement}
