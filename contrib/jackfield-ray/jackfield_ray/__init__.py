"""Placement `ray`: each replica's engine in an actor on a Ray cluster, the ledger in the server.

`placement` starts, `cluster` connects to Ray, `link` is an actor as the server holds it, and `engine` stands for its
engine there; `worker` is what runs in the actor, and says through its `outbox` what becomes of it. Both talk by
`messages`, encoded as MessagePack; `tensors` that are large go beside them.
"""

from __future__ import annotations

from collections.abc import Mapping

from jackfield import Placement, hookimpl

jackfield_api = "1.0"


@hookimpl
def jackfield_placements() -> Mapping[str, type[Placement]]:
    """The placement of this plugin."""
    from jackfield_ray.placement import RayPlacement

    return {"ray": RayPlacement}
