"""The hooks of Jackfield, all of them: how a plugin announces what it fills a socket with.

A plugin is a module (or object) named in the entry-point group `jackfield`. It states the API version that it was
built for, and implements any of the hooks below:

    from jackfield import hookimpl

    jackfield_api = "1.0"

    @hookimpl
    def jackfield_batching_policies():
        return {"my-policy": MyPolicy}

Each hook is a plain function without arguments. It returns a mapping from the name that the configuration uses to a
class, never an instance, and does no work.
Every hook is called once, when the registry is built at start, and never while requests are served. If a hook raises,
or returns something else, or a name is taken already, the start stops with one sentence that names plugin and
distribution. A class whose `unavailable()` gives a reason is listed with it, and is an error only if it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import click

    from jackfield.interfaces import (
        Backend,
        BatchingPolicy,
        Endpoint,
        Loader,
        Observer,
        Placement,
        Router,
        Scheduler,
    )

hookspec = pluggy.HookspecMarker("jackfield")


@hookspec
def jackfield_loaders() -> Mapping[str, type[Loader]]:  # type: ignore[empty-body]
    """Loaders: what an artifact on disk is and how to open it. Used at load. Since 1.0."""


@hookspec
def jackfield_backends() -> Mapping[str, type[Backend]]:  # type: ignore[empty-body]
    """Backends: how a loaded model runs on a device. Used at load; its executor per step. Since 1.0."""


@hookspec
def jackfield_batching_policies() -> Mapping[str, type[BatchingPolicy]]:  # type: ignore[empty-body]
    """Batching policies: which work forms the next step, and when. Used per step. Since 1.0."""


@hookspec
def jackfield_schedulers() -> Mapping[str, type[Scheduler]]:  # type: ignore[empty-body]
    """Schedulers: the order in which waiting work is offered. Used per request. Since 1.0."""


@hookspec
def jackfield_routers() -> Mapping[str, type[Router]]:  # type: ignore[empty-body]
    """Routers: which replica of a version takes a request. Used per request. Since 1.0."""


@hookspec
def jackfield_placements() -> Mapping[str, type[Placement]]:  # type: ignore[empty-body]
    """Placements: where a replica lives. Used at load. Since 1.0."""


@hookspec
def jackfield_endpoints() -> Mapping[str, type[Endpoint]]:  # type: ignore[empty-body]
    """Endpoints: the wire protocols. Made at start; their handlers are used per request. Since 1.0."""


@hookspec
def jackfield_observers() -> Mapping[str, type[Observer]]:  # type: ignore[empty-body]
    """Observers: told of every event. Made at start, called per event as plain objects. Since 1.0."""


@hookspec
def jackfield_commands() -> Mapping[str, click.Command]:  # type: ignore[empty-body]
    """Further commands of the `jackfield` command line, by name. Used when the command line starts. Since 1.0."""
