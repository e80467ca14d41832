"""For placements whose replicas' engines run elsewhere: the ledger stays with the server, the engine is hosted.

A placement starts whatever is to host the engine, has a `Host` open the model there, and joins what stands for it here
to a replica by `ReplicaSpec.join`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jackfield.config.models import LogConfig
from jackfield.config.plain import plain
from jackfield.interfaces.engine import Deliver, Died, Engine, Facts, Likeness
from jackfield.lifecycle.hosting import Host, Told, likeness_of
from jackfield.logs import configure_logs, in_force, quieten
from jackfield.work import Result


def worker_logs() -> dict[str, Any] | None:
    """How this process's log looks, for `configure_worker_logs` in another; None if nobody has said."""
    config = in_force()
    return None if config is None else config.model_dump(mode="json")


def configure_worker_logs(config: Mapping[str, Any] | None) -> None:
    """Have this process's log look like that."""
    if config is None:
        quieten()
    else:
        configure_logs(LogConfig.model_validate(dict(config)))


__all__ = [
    "Deliver",
    "Died",
    "Engine",
    "Facts",
    "Host",
    "Likeness",
    "Result",
    "Told",
    "configure_worker_logs",
    "likeness_of",
    "plain",
    "worker_logs",
]
