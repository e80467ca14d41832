"""The options of the placement."""

from __future__ import annotations

from typing import Annotated, Any

from jackfield import Options
from pydantic import Field, StringConstraints

Address = Annotated[str, StringConstraints(pattern=r"^(auto|local|[^/\s]+:[0-9]{1,5})$")]


class RayOptions(Options):
    """Options of the placement `ray`."""

    address: Address = "auto"
    """The cluster: `auto` finds the one that this machine is a node of (`RAY_ADDRESS` first), `local` starts one on this
    machine that ends with the server, `HOST:PORT` is a head node's. The server must run on a node of the cluster, so
    that Ray's client protocol (`ray://`) will not do."""
    namespace: str | None = None
    """Ray's namespace that the actors have their names in; null: one of the server's own. All models share the first
    one's connection."""
    connect_timeout_s: float = Field(default=30, gt=0)
    """Longest that connecting may take."""
    start_timeout_s: float = Field(default=60, gt=0)
    """Longest that a replica waits for a node with room for it, and for its actor to be started there."""
    num_cpus: float = Field(default=1, ge=0)
    """Processors of each replica, by which Ray finds a node for it, and how many threads numerical libraries take."""
    num_gpus: float = Field(default=0, ge=0)
    """GPUs of each replica; it sees no others, so that `device: cuda:0` is its first."""
    resources: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Other resources of each replica, by the names that the nodes were started with."""
    spread: bool = True
    """Whether replicas go to different nodes where that can be; otherwise Ray fills one first."""
    runtime_env: dict[str, Any] = Field(default_factory=dict)
    """Ray's runtime environment of the actors, as Ray's manual has it."""
    silence_s: float = Field(default=15, gt=1)
    """Seconds without a sign of life after which a replica is given up, whether its actor hangs or its node is gone."""
