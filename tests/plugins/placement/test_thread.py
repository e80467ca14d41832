"""The placement `thread`."""

from __future__ import annotations

from typing import Any, cast

from jackfield import Options, Replica, ReplicaSpec
from jackfield_plugins.placement import jackfield_placements
from jackfield_plugins.placement.process.placement import ProcessPlacement
from jackfield_plugins.placement.thread import ThreadPlacement


def test_the_replica_is_built_right_here() -> None:
    replica = cast(Replica, object())

    class Spec:
        def build(self) -> Replica:
            return replica

    assert ThreadPlacement(Options()).start(cast(ReplicaSpec, Spec())) is replica


def test_their_names() -> None:
    found: Any = jackfield_placements()
    assert found == {"process": ProcessPlacement, "thread": ThreadPlacement}
