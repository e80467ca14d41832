"""What a version's state means to a client."""

from __future__ import annotations

from jackfield import Version
from jackfield.errors import Unavailable


def why_not_ready(version: Version) -> str | None:
    """Why `version` is not ready, in one sentence; None if it is."""
    if version.ready:
        return None
    return version.unready or f"model '{version.model}' is not ready: a worker of it is down"


def require_signature(version: Version) -> None:
    """Raise Unavailable if it is not known yet what `version` takes and gives."""
    if not version.signature.outputs:
        raise Unavailable(why_not_ready(version) or f"model '{version.model}' is not ready")
