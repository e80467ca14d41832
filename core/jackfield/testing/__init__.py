"""What the authors of plugins test with: time that stands still, an executor that does as it is told, and the engine
without threads.

`clock` is time, `making` makes requests and work, `scripted` is an executor with faults on demand, `simulation` drives
the engine's decisions under the virtual clock, `plugged` makes a registry out of classes that nobody has installed.
"""

from jackfield.testing.clock import VirtualClock
from jackfield.testing.making import DOUBLE, make_request, make_work, signature_of
from jackfield.testing.plugged import registry_of
from jackfield.testing.scripted import Fault, ScriptedExecutor
from jackfield.testing.simulation import Simulation, Stuck

__all__ = [
    "DOUBLE",
    "Fault",
    "ScriptedExecutor",
    "Simulation",
    "Stuck",
    "VirtualClock",
    "make_request",
    "make_work",
    "registry_of",
    "signature_of",
]
