"""Which batching policy suits an executor: what the configuration names, or what work of many steps needs."""

from __future__ import annotations

from jackfield.config.models import ModelConfig, Section
from jackfield.errors import ConfigError
from jackfield.interfaces import BatchingPolicy, Executor, SequenceExecutor
from jackfield.plugins.registry import Registry
from jackfield.plugins.sockets import SOCKETS

_DEFAULT = next(socket.default for socket in SOCKETS if socket.name == "batching")


def own_policy(executor: Executor) -> str | None:
    """The policy that an executor of work of many steps wants; None for others, which take any."""
    return executor.policy if isinstance(executor, SequenceExecutor) else None


def suited(wanted: str | None, config: ModelConfig, registry: Registry) -> ModelConfig:
    """`config`, with the policy that is `wanted` for work of many steps (see `own_policy`) if none was chosen.

    Raises ConfigError if one was chosen that plans no such work."""
    section = config.batching
    cls: type[BatchingPolicy] = registry.get("batching", section.name)
    if wanted is None or cls.continues:
        return config
    if section.name != _DEFAULT or section.options.model_fields_set:
        raise ConfigError(
            f"batching policy '{section.name}' plans no work of many steps, which this model does: choose '{wanted}'"
        )
    own: type[BatchingPolicy] = registry.get("batching", wanted)
    return config.model_copy(update={"batching": Section(name=wanted, options=own.options())})
