"""The default schedulers: `fifo` and `priority`."""

from __future__ import annotations

from collections.abc import Mapping

from jackfield import Scheduler, hookimpl
from jackfield_plugins.scheduling.fifo import Fifo
from jackfield_plugins.scheduling.priority import Priority

jackfield_api = "1.0"


@hookimpl
def jackfield_schedulers() -> Mapping[str, type[Scheduler]]:
    """The schedulers of this plugin."""
    return {"fifo": Fifo, "priority": Priority}
