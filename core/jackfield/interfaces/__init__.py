"""What fills a socket: one file a socket, each an abstract class of at most five methods that a plugin subclasses."""

from jackfield.interfaces.backend import Backend, Expected
from jackfield.interfaces.batching import BatchingPolicy, Capacity, Waiting
from jackfield.interfaces.endpoint import ASGIApp, Endpoint, Route
from jackfield.interfaces.executor import Executor
from jackfield.interfaces.loader import Artifact, Loader
from jackfield.interfaces.observer import Observer, Settled
from jackfield.interfaces.placement import Placement, Reconfigurable, Replica, ReplicaSpec, Share
from jackfield.interfaces.plug import Plug
from jackfield.interfaces.router import Candidate, Router
from jackfield.interfaces.scheduler import Line, Scheduler
from jackfield.interfaces.sequence import Progress, SequenceExecutor
from jackfield.interfaces.tensor import TensorExecutor

__all__ = [
    "ASGIApp",
    "Artifact",
    "Backend",
    "BatchingPolicy",
    "Candidate",
    "Capacity",
    "Endpoint",
    "Executor",
    "Expected",
    "Line",
    "Loader",
    "Observer",
    "Placement",
    "Plug",
    "Progress",
    "Reconfigurable",
    "Replica",
    "ReplicaSpec",
    "Route",
    "Router",
    "Scheduler",
    "SequenceExecutor",
    "Settled",
    "Share",
    "TensorExecutor",
    "Waiting",
]
