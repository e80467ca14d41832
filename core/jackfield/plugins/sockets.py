"""The sockets: for each its hook, the class that fills it, and the key of the configuration that names one."""

from __future__ import annotations

from dataclasses import dataclass

from jackfield.interfaces import (
    Backend,
    BatchingPolicy,
    Endpoint,
    Loader,
    Observer,
    Placement,
    Plug,
    Router,
    Scheduler,
)


@dataclass(frozen=True, slots=True)
class Socket:
    """`selector`: the key within a section that holds the plugin's name (`policy` in `batching: {policy: dynamic}`)."""

    name: str
    hook: str
    base: type[Plug]
    default: str = ""
    selector: str = "name"


SOCKETS: tuple[Socket, ...] = (
    Socket("loader", "jackfield_loaders", Loader),
    Socket("backend", "jackfield_backends", Backend),
    Socket("batching", "jackfield_batching_policies", BatchingPolicy, "dynamic", "policy"),
    Socket("scheduler", "jackfield_schedulers", Scheduler, "fifo", "policy"),
    Socket("router", "jackfield_routers", Router, "least-loaded", "policy"),
    Socket("placement", "jackfield_placements", Placement, "thread"),
    Socket("endpoint", "jackfield_endpoints", Endpoint),
    Socket("observer", "jackfield_observers", Observer),
)
