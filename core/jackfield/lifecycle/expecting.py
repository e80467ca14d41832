"""What the configuration tells of the steps that a model will see, for backends that prepare for shapes."""

from __future__ import annotations

from jackfield.config.models import ModelConfig, WarmUp
from jackfield.interfaces import BatchingPolicy, Expected
from jackfield.plugins.registry import Registry


def expected(config: ModelConfig, registry: Registry) -> Expected:
    """Rows from the batching policy, shapes from `warm_up`, lengths from `pad`. Nothing for work of many steps, whose
    executor chooses its policy itself. Raises what the policy's plugin raises."""
    section = config.batching
    cls: type[BatchingPolicy] = registry.get("batching", section.name)
    if cls.continues:
        return Expected()
    policy = cls(section.options)
    declared = config.warm_up.inputs if isinstance(config.warm_up, WarmUp) else {}
    shapes = {name: one.shape for name, one in declared.items() if one.shape is not None}
    lengths = {}
    if policy.pad is not None:
        for axis in policy.pad.axes:
            lengths[axis.name] = (axis.buckets or policy.pad.buckets).ascending()
        if not lengths:
            lengths[""] = policy.pad.buckets.ascending()
    return Expected(tuple(policy.sizes()), policy.max_rows, shapes, lengths)
