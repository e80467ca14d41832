"""Who may share a step with whom: the key of work, as far as the batching policy has a say in it."""

from __future__ import annotations

from jackfield.engine.grouping import grouping
from jackfield.interfaces import BatchingPolicy
from jackfield.work import Work


class Sharing:
    """Gives works the keys by which a step's works are told apart. Used by whoever plans, before work waits.

    The key that work comes with stands for its shapes (`jackfield.signature.measure`).
    """

    def __init__(self, policy: BatchingPolicy) -> None:
        self._group = grouping(policy.group_by) if policy.group_by else None

    def assign(self, work: Work) -> None:
        """Set the key of `work`."""
        if self._group is not None:
            work.key = (work.key, self._group(work.request))


def sharing_of(policy: BatchingPolicy) -> Sharing | None:
    """What `policy` asks for; None if the keys of shapes are all that counts, so that nothing is to be done."""
    return Sharing(policy) if policy.group_by else None
