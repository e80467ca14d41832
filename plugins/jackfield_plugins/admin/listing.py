"""What there is, as those see it who run it."""

from __future__ import annotations

from typing import Any

from jackfield import Replica, Server, Version


def listed(server: Server) -> dict[str, Any]:
    """All models."""
    return {"ready": server.ready, "models": [described(server, name) for name in server.models]}


def described(server: Server, name: str) -> dict[str, Any]:
    """One model with its versions, those included that come, go, or failed. Raises NotFound."""
    model = server.model(name)
    versions = [_version(version, main=version is model.main) for version in model.shown]
    return {"name": name, "ready": model.ready, "versions": versions}


def _version(version: Version, *, main: bool) -> dict[str, Any]:
    """`outstanding`: requests accepted and not yet answered, by its ledger, which versions of one name share."""
    return {
        "name": version.name,
        "main": main,
        "state": str(version.state),
        "reason": version.reason,
        "ready": version.ready,
        "source": version.config.source,
        "waiting": version.waiting,
        "outstanding": version.statistics.outstanding,
        "replicas": [_replica(replica) for replica in version.replicas],
    }


def _replica(replica: Replica) -> dict[str, Any]:
    """`waiting`: requests in its queue; `outstanding`: rows accepted and not answered; None where it cannot tell.
    `cost`: what routers go by."""
    return {
        "name": replica.name,
        "alive": replica.alive,
        "waiting": getattr(replica, "waiting", None),
        "outstanding": getattr(replica, "outstanding", None),
        "cost": replica.cost,
    }
