"""What the authors of plugins test with: time that stands still, an executor that does as it is told, the engine
without threads, a server without sockets, and what every plugin of a socket keeps to.

`clock` is time, `making` makes requests and work, `scripted` is an executor with faults on demand, `sequences` one of
work of many steps and `stepwise` a policy for it, `simulation` drives the engine's decisions under the virtual clock.
`plugged` makes a registry out of classes that nobody has installed, and `server` a server, for which `plain` stands in
where a plugin would be needed; `calling` asks an ASGI app. `contracts` are tests to inherit.
"""

from jackfield.testing.calling import Answer, call
from jackfield.testing.clock import VirtualClock
from jackfield.testing.contracts import (
    BackendContract,
    BatchingPolicyContract,
    ContinuingBackendContract,
    ContinuingPolicyContract,
    EndpointContract,
    Example,
    LoaderContract,
    ObserverContract,
    RouterContract,
    SchedulerContract,
)
from jackfield.testing.making import DOUBLE, make_request, make_work, signature_of
from jackfield.testing.plain import InOrder, Together
from jackfield.testing.plugged import registry_of
from jackfield.testing.scripted import Fault, ScriptedExecutor
from jackfield.testing.sequences import ScriptedSequences
from jackfield.testing.server import Plugins, registry_for, serving
from jackfield.testing.simulation import Simulation, Stuck
from jackfield.testing.stepwise import Stepwise

__all__ = [
    "DOUBLE",
    "Answer",
    "BackendContract",
    "BatchingPolicyContract",
    "ContinuingBackendContract",
    "ContinuingPolicyContract",
    "EndpointContract",
    "Example",
    "Fault",
    "InOrder",
    "LoaderContract",
    "ObserverContract",
    "Plugins",
    "RouterContract",
    "SchedulerContract",
    "ScriptedExecutor",
    "ScriptedSequences",
    "Simulation",
    "Stepwise",
    "Stuck",
    "Together",
    "VirtualClock",
    "call",
    "make_request",
    "make_work",
    "registry_for",
    "registry_of",
    "serving",
    "signature_of",
]
