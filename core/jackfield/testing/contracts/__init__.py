"""Contracts: what every plugin of a socket keeps to, as tests that an author inherits.

A contract is an abstract class with test methods. A subclass, called `Test...` so that pytest finds it, says what is to
be tested by one or two methods, and may widen a bound where the plugin means to. The default plugins run the same.

    class TestSteady(BatchingPolicyContract):
        def policy(self):
            return Steady(SteadyOptions(rows=4))

`batching`, `continuing`, `scheduler`, `router`, `observer`, `endpoint`, `loader`, `backend` and `continuing_backend`
are the contracts; policies and schedulers are put through the same `traffic`, and `watching` judges what they do.
`opening` is what the backends have in common, `pieces` and `hearing` are how work of many steps is driven.
"""

from jackfield.testing.contracts.backend import BackendContract
from jackfield.testing.contracts.batching import BatchingPolicyContract
from jackfield.testing.contracts.continuing import ContinuingPolicyContract
from jackfield.testing.contracts.continuing_backend import ContinuingBackendContract
from jackfield.testing.contracts.endpoint import EndpointContract, Example
from jackfield.testing.contracts.loader import LoaderContract
from jackfield.testing.contracts.observer import ObserverContract
from jackfield.testing.contracts.router import RouterContract
from jackfield.testing.contracts.scheduler import SchedulerContract

__all__ = [
    "BackendContract",
    "BatchingPolicyContract",
    "ContinuingBackendContract",
    "ContinuingPolicyContract",
    "EndpointContract",
    "Example",
    "LoaderContract",
    "ObserverContract",
    "RouterContract",
    "SchedulerContract",
]
