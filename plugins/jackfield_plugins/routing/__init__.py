"""The default routers: `least-loaded` and `round-robin`."""

from __future__ import annotations

from collections.abc import Mapping

from jackfield import Router, hookimpl
from jackfield_plugins.routing.least_loaded import LeastLoaded
from jackfield_plugins.routing.round_robin import RoundRobin

jackfield_api = "1.0"


@hookimpl
def jackfield_routers() -> Mapping[str, type[Router]]:
    """The routers of this plugin."""
    return {"least-loaded": LeastLoaded, "round-robin": RoundRobin}
