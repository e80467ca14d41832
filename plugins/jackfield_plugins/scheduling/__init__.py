"""The default schedulers: `fifo`, `priority`, `deadline` and `fair`."""

from __future__ import annotations

from collections.abc import Mapping

from jackfield import Scheduler, hookimpl
from jackfield_plugins.scheduling.deadline import Deadline
from jackfield_plugins.scheduling.fair import Fair
from jackfield_plugins.scheduling.fifo import Fifo
from jackfield_plugins.scheduling.priority import Priority

jackfield_api = "1.0"


@hookimpl
def jackfield_schedulers() -> Mapping[str, type[Scheduler]]:
    """The schedulers of this plugin."""
    return {"deadline": Deadline, "fair": Fair, "fifo": Fifo, "priority": Priority}
