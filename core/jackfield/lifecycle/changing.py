"""From a changed section of the configuration to what a running replica goes on with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jackfield.config.models import ModelConfig, Section
from jackfield.engine.admission import Limits
from jackfield.errors import ConfigError, JackfieldError
from jackfield.interfaces import BatchingPolicy, Executor, Line, Scheduler
from jackfield.interfaces.engine import Facts
from jackfield.lifecycle.limits import limits
from jackfield.lifecycle.policies import own_policy, suited
from jackfield.plugins.registry import Registry

PAD_STAYS = (
    "`pad` of the batching policy is proved and warmed up when a model is loaded, so it cannot change while it runs: "
    "load the model anew"
)


@dataclass(frozen=True, slots=True)
class Change:
    """What a replica goes on with; without policy or scheduler it keeps those that it has. `line`: the scheduler's."""

    config: ModelConfig
    limits: Limits
    policy: BatchingPolicy | None
    scheduler: Scheduler | None
    line: Line | None


class Changing:
    """Knows what one replica runs with now. Used on the event loop."""

    def __init__(self, config: ModelConfig, policy: BatchingPolicy, executor: Executor, registry: Registry) -> None:
        self._config = config
        self._policy = policy
        self._executor = executor
        self._registry = registry

    def to(self, config: ModelConfig) -> Change:
        """What leads to `config`. What does not differ is not made anew, since it may have learned. Raises ConfigError
        if a plugin cannot be made; until `done` nothing has changed."""
        policy: BatchingPolicy | None = None
        scheduler: Scheduler | None = None
        if config.batching != self._config.batching:
            chosen = suited(own_policy(self._executor), config, self._registry)
            policy = self._as_before(made("batching", chosen, self._registry))
        if config.scheduler != self._config.scheduler:
            scheduler = made("scheduler", config, self._registry)
        line: Line | None = None
        try:
            if scheduler is not None:
                line = scheduler.line()
            most = limits(config, self._policy if policy is None else policy, self._executor.capabilities)
        except Exception as error:  # plugins are foreign code
            raise ConfigError(f"a plugin failed: {type(error).__name__}: {error}") from error
        return Change(config, most, policy, scheduler, line)

    def _as_before(self, policy: BatchingPolicy) -> BatchingPolicy:
        if policy.pad != self._policy.pad:
            raise ConfigError(PAD_STAYS)
        policy.padding, policy.capabilities = self._policy.padding, self._policy.capabilities
        return policy

    def done(self, change: Change) -> None:
        """`change` has been put into effect."""
        self._config = change.config
        if change.policy is not None:
            self._policy = change.policy


class ChangingElsewhere:
    """As `Changing`, for an engine that runs elsewhere and makes policy and scheduler anew there: those that are made
    here only tell what there is to know of them. Used on the event loop."""

    def __init__(self, config: ModelConfig, facts: Facts, registry: Registry) -> None:
        self._config = config
        self._facts = facts
        self._registry = registry

    def line(self) -> Line | None:
        """That of the scheduler in force."""
        scheduler: Scheduler = made("scheduler", self._config, self._registry)
        return scheduler.line()

    def to(self, config: ModelConfig) -> Change:
        """What leads to `config`. Raises ConfigError if a plugin cannot be made, or what cannot change would."""
        policy: BatchingPolicy = made("batching", suited(self._facts.policy, config, self._registry), self._registry)
        policy.capabilities = self._facts.capabilities
        if policy.pad != _pad(suited(self._facts.policy, self._config, self._registry)):
            raise ConfigError(PAD_STAYS)
        differs = config.scheduler != self._config.scheduler
        scheduler: Scheduler | None = made("scheduler", config, self._registry) if differs else None
        most = limits(config, policy, self._facts.capabilities)
        other = policy if config.batching != self._config.batching else None
        return Change(config, most, other, scheduler, None if scheduler is None else scheduler.line())

    def done(self, change: Change) -> None:
        """`change` has been put into effect."""
        self._config = change.config


AnyChanging = Changing | ChangingElsewhere


def _pad(config: ModelConfig) -> object:
    return getattr(config.batching.options, "pad", None)


def made(socket: str, config: ModelConfig, registry: Registry) -> Any:
    """A new one of what `config` names for `socket`. Raises ConfigError if its plugin cannot make it."""
    section: Section = getattr(config, socket)
    try:
        return registry.get(socket, section.name)(section.options)
    except JackfieldError:
        raise
    except Exception as error:  # a plugin is foreign code
        raise ConfigError(f"{socket} '{section.name}' failed: {type(error).__name__}: {error}") from error
