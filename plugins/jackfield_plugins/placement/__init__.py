"""Where replicas live: `thread`, in this process, and `process`, each in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping

from jackfield import Placement, hookimpl

jackfield_api = "1.0"


@hookimpl
def jackfield_placements() -> Mapping[str, type[Placement]]:
    """The placements of this plugin."""
    from jackfield_plugins.placement.process.placement import ProcessPlacement
    from jackfield_plugins.placement.thread import ThreadPlacement

    return {"process": ProcessPlacement, "thread": ThreadPlacement}
