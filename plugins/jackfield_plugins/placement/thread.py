"""Placement `thread`: the replica's engine loop runs in threads of the server's own process."""

from __future__ import annotations

from jackfield import Placement, Replica, ReplicaSpec


class ThreadPlacement(Placement):
    """Nothing to choose: the replica shares the process, and its numerical work runs without the GIL."""

    def start(self, spec: ReplicaSpec) -> Replica:
        """Build the replica right here."""
        return spec.build()
