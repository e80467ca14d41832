"""The default routers: `least-loaded`, `round-robin` and `prefix-affinity`.

Of the last, `heat` says how long a prefix must be to tell requests apart, and `ring` whose that prefix is.
"""

from __future__ import annotations

from collections.abc import Mapping

from jackfield import Router, hookimpl
from jackfield_plugins.routing.least_loaded import LeastLoaded
from jackfield_plugins.routing.prefix_affinity import PrefixAffinity
from jackfield_plugins.routing.round_robin import RoundRobin

jackfield_api = "1.0"


@hookimpl
def jackfield_routers() -> Mapping[str, type[Router]]:
    """The routers of this plugin."""
    return {"least-loaded": LeastLoaded, "prefix-affinity": PrefixAffinity, "round-robin": RoundRobin}
