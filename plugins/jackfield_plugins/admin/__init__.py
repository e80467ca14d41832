"""Changing a server that runs: endpoint `admin`, at `/admin`, for keys that have the right `admin`.

`endpoint` claims the path, `app` finds the route and turns errors into answers, `actions` changes what is asked for,
and `listing` says what there is.
"""

from __future__ import annotations

from collections.abc import Mapping

from jackfield import Endpoint, hookimpl
from jackfield_plugins.admin.endpoint import Admin

jackfield_api = "1.0"


@hookimpl
def jackfield_endpoints() -> Mapping[str, type[Endpoint]]:
    """The endpoint."""
    return {"admin": Admin}
