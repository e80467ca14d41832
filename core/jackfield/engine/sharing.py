"""Who may share a step with whom: the key of work, as far as the batching policy has a say in it."""

from __future__ import annotations

from collections.abc import Hashable

from jackfield.engine.grouping import grouping
from jackfield.interfaces import BatchingPolicy
from jackfield.padding import Padding
from jackfield.work import Work


class Sharing:
    """Gives works the keys by which a step's works are told apart. Used by whoever plans, before work waits.

    The key that work comes with stands for its shapes (`jackfield.signature.measure`).
    """

    def __init__(self, policy: BatchingPolicy) -> None:
        self._group = grouping(policy.group_by) if policy.group_by else None
        self._padding = policy.padding

    def assign(self, work: Work) -> None:
        """Set the key of `work`, and the lengths of its padded axes, whatever they were set to before."""
        unassign(work)
        work.shapes = work.key
        if self._padding is not None:
            work.lengths = self._padding.lengths(work.request.inputs)
            work.key = self._without_lengths(work, self._padding)
        if self._group is not None:
            work.key = (work.key, self._group(work.request))

    def _without_lengths(self, work: Work, padding: Padding) -> Hashable:
        inputs = work.request.inputs
        key: list[Hashable] = list(work.key) if isinstance(work.key, tuple) else [work.key]
        for place, spec in enumerate(padding.signature.inputs):
            axes = padding.inputs.get(spec.name)
            if axes is not None and spec.name in inputs:
                left_out = {number for number, _ in axes} | {spec.batch_axis}
                key[place] = tuple(n for axis, n in enumerate(inputs[spec.name].shape) if axis not in left_out)
        return tuple(key)


def unassign(work: Work) -> None:
    """Give `work` back the key that it came with."""
    if work.shapes is not None:
        work.key, work.shapes, work.lengths = work.shapes, None, ()


def sharing_of(policy: BatchingPolicy) -> Sharing | None:
    """What `policy` asks for; None if the keys of shapes are all that counts, so that nothing is to be done."""
    return Sharing(policy) if policy.group_by or policy.padding is not None else None
