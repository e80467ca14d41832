"""Which batching policy suits an executor: what the configuration names, or what work of many steps needs."""

from __future__ import annotations

from jackfield.config.models import ModelConfig, Section
from jackfield.errors import ConfigError
from jackfield.interfaces import BatchingPolicy, Executor, SequenceExecutor
from jackfield.plugins.registry import Registry
from jackfield.plugins.sockets import SOCKETS

_DEFAULT = next(socket.default for socket in SOCKETS if socket.name == "batching")


def suited(executor: Executor, config: ModelConfig, registry: Registry) -> ModelConfig:
    """`config`, with the executor's own policy if it runs work of many steps and no policy was chosen.

    Raises ConfigError if one was chosen that plans no such work."""
    section = config.batching
    cls: type[BatchingPolicy] = registry.get("batching", section.name)
    if not isinstance(executor, SequenceExecutor) or cls.continues:
        return config
    if section.name != _DEFAULT or section.options.model_fields_set:
        raise ConfigError(
            f"batching policy '{section.name}' plans no work of many steps, which this model does: "
            f"choose '{executor.policy}'"
        )
    own: type[BatchingPolicy] = registry.get("batching", executor.policy)
    return config.model_copy(update={"batching": Section(name=executor.policy, options=own.options())})
