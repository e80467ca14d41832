"""From a model's section of the configuration to an executor that is probed and warm."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog

from jackfield.config.models import ModelConfig, WarmUp
from jackfield.errors import JackfieldError, LoadError
from jackfield.interfaces import (
    Artifact,
    Backend,
    BatchingPolicy,
    Executor,
    Loader,
    Scheduler,
    SequenceExecutor,
    Share,
    TensorExecutor,
)
from jackfield.interfaces.engine import Facts
from jackfield.lifecycle.capable import check_datatypes, check_lengths
from jackfield.lifecycle.expecting import expected
from jackfield.lifecycle.memory import check_room, resident_bytes
from jackfield.lifecycle.padding import settle_padding
from jackfield.lifecycle.policies import own_policy, suited
from jackfield.lifecycle.probe import settle_batch_axis
from jackfield.lifecycle.ragged import settle_ragged
from jackfield.lifecycle.share import share_of
from jackfield.lifecycle.warmup import Progress, warm_up
from jackfield.plugins.registry import Registry
from jackfield.types import Device

log = structlog.get_logger("jackfield.loading")

T = TypeVar("T")

_REST = 3.0  # after each run of a gentle warm-up, as a multiple of it
_WORTH_OVERLAPPING = 0.001  # seconds: below this a step is over before preparing the next beside it has paid


@dataclass(slots=True)
class Opened:
    """What a replica needs. `lanes`: how many threads its engine loop gets."""

    executor: Executor
    policy: BatchingPolicy
    scheduler: Scheduler
    lanes: int


class Opener:
    """Opens a model for each of a version's replicas; the artifact is loaded once. Used on loading threads."""

    def __init__(self, name: str, config: ModelConfig, registry: Registry) -> None:
        self.name = name
        self.config = config
        self.registry = registry
        self._artifact: Artifact | None = None
        self._lock = threading.Lock()
        self.platform = ""
        self.took: dict[str, float] = {}
        """Seconds of loading, probing and warming up so far, over all replicas."""
        self.backend: type[Backend] | None = None
        self.device = "cpu"
        """Where it was opened last, and by what, if it was in this process."""
        self.gently = False
        """Whether requests are answered on the same machine meanwhile, to whom it is to leave time."""
        self.bytes = 0
        """By how much this process grew meanwhile, over all replicas."""

    def open(self, progress: Progress, share: Share) -> Opened:
        """Load, open, probe and warm up. Raises LoadError; what was opened until then is closed again."""
        progress("loading", 0, 1)
        began, before = time.perf_counter(), resident_bytes()
        artifact = self._load()
        backend_name, backend = self._backend(artifact)
        device = self._device(backend_name, backend, share)
        self.backend, self.device = type(backend), device.name
        self.platform = f"{backend_name}_{artifact.kind}"
        check_room(self.config.source, device)
        backend.expected = expected(self.config, self.registry)
        backend.told = progress
        executor = self._guarded(f"backend '{backend_name}'", lambda: backend.open(artifact, device))
        progress("loading", 1, 1)
        self._spent("load_s", began)
        try:
            opened = self._ready(executor, artifact, progress)
            self.bytes += max(resident_bytes() - before, 0)
            return opened
        except BaseException:
            try:
                executor.close()
            except Exception:  # why it was opened in vain matters more
                log.exception("executor raised in close", model=self.name)
            raise

    def build(self, told: Progress) -> str:
        """Do ahead what opening it would do once and keep; see `Backend.build`. Raises LoadError."""
        artifact = self._load()
        name, backend = self._backend(artifact)
        backend.expected = expected(self.config, self.registry)
        share = share_of(self.name, self.config, 0)
        device = self._device(name, backend, share) if backend.devices() else None
        return self._guarded(f"backend '{name}'", lambda: backend.build(artifact, device, told))

    def learn(self, facts: Facts) -> None:
        """The model was opened elsewhere, and `facts` tell how that went."""
        with self._lock:
            self.platform = facts.platform
            for what, seconds in facts.took.items():
                self.took[what] = self.took.get(what, 0.0) + seconds

    def forget(self) -> None:
        """Nothing is opened any more: the artifact can go."""
        self._artifact = None

    def _load(self) -> Artifact:
        with self._lock:
            if self._artifact is None:
                loader = self._loader()
                self._artifact = self._guarded("loader", lambda: loader.load(self.config.source))
            return self._artifact

    def _loader(self) -> Loader:
        section = self.config.loader
        if section is not None:
            cls: type[Loader] = self.registry.get("loader", section.name)
            return cls(section.options)
        source = self.config.source
        found = [e for e in self.registry.socket("loader").values() if _detects(e.cls, source)]
        usable = [e for e in found if e.unavailable is None]
        if len(usable) == 1:
            return self.registry.get("loader", usable[0].name)(usable[0].cls.options())  # type: ignore[no-any-return]
        known = ", ".join(f"'{name}'" for name in self.registry.socket("loader"))
        if len(usable) > 1:
            names = " and ".join(f"'{e.name}'" for e in usable)
            raise LoadError(f"source '{source}': loaders {names} both take it; name one with `loader:`")
        if found:
            raise LoadError(f"source '{source}': loader '{found[0].name}' is not available: {found[0].unavailable}")
        raise LoadError(f"source '{source}': no loader takes it (known: {known}); name one with `loader:`")

    def _backend(self, artifact: Artifact) -> tuple[str, Backend]:
        section = self.config.backend
        if section is not None:
            cls: type[Backend] = self.registry.get("backend", section.name)
            if artifact.kind not in cls.accepts:
                takes = ", ".join(sorted(cls.accepts)) or "nothing"
                raise LoadError(
                    f"backend '{section.name}' cannot run a model of kind '{artifact.kind}'; it takes {takes}"
                )
            return section.name, cls(section.options)
        fitting = [
            e
            for e in self.registry.socket("backend").values()
            if issubclass(e.cls, Backend) and e.cls.automatic and artifact.kind in e.cls.accepts
        ]
        for entry in fitting:
            if entry.unavailable is not None:  # never in silence: what is taken instead may be slower
                log.warning("backend passed over", model=self.name, backend=entry.name, reason=entry.unavailable)
            else:
                return entry.name, self.registry.get("backend", entry.name)(entry.cls.options())
        reasons = "; ".join(f"'{e.name}': {e.unavailable}" for e in fitting)
        raise LoadError(f"no backend can run a model of kind '{artifact.kind}'" + (f" ({reasons})" if reasons else ""))

    def _device(self, backend_name: str, backend: Backend, share: Share) -> Device:
        wanted = share.device
        devices = backend.devices()
        for device in devices:
            if wanted == "auto" or wanted in (device.name, device.kind):
                return replace(device, threads=share.threads)
        seen = ", ".join(device.name for device in devices) or "none"
        raise LoadError(f"device '{wanted}' cannot be had: backend '{backend_name}' sees {seen}")

    def _ready(self, executor: Executor, artifact: Artifact, progress: Progress) -> Opened:
        config = suited(own_policy(executor), self.config, self.registry)
        policy: BatchingPolicy = self.registry.get("batching", config.batching.name)(config.batching.options)
        scheduler: Scheduler = self.registry.get("scheduler", config.scheduler.name)(config.scheduler.options)
        policy.capabilities = executor.capabilities
        took = 0.0
        if isinstance(executor, TensorExecutor):
            declared = config.warm_up if isinstance(config.warm_up, WarmUp) else None
            began = time.perf_counter()
            check_datatypes(executor)
            length = settle_batch_axis(executor, config.batch_axis, artifact.declared_batch, declared)
            check_lengths(executor)
            settle_ragged(executor, length, declared)
            if policy.pad is not None:
                policy.padding = settle_padding(executor, policy.pad, length, declared)
            self._spent("probe_s", began)
            if not executor.signature.batched:
                executor.capabilities = replace(executor.capabilities, max_rows=1)
            policy.capabilities = executor.capabilities
            if config.warm_up != "off":
                most = executor.capabilities.max_rows or policy.max_rows
                own = declared.rows if declared is not None and declared.rows else policy.sizes()
                sizes = sorted({min(rows, most) for rows in own}) or [1]
                began = time.perf_counter()
                took = warm_up(executor, sizes, length, declared, progress, _REST if self.gently else 0.0)
                self._spent("warm_up_s", began)
        elif policy.pad is not None:
            raise LoadError("`pad` is not possible with this model's backend: it maps no tensors to tensors")
        if isinstance(executor, SequenceExecutor):  # the next step is made of what this one gives
            if config.warm_up != "off":
                began = time.perf_counter()
                executor.warm_up(progress)
                self._spent("warm_up_s", began)
            return Opened(executor, policy, scheduler, 1)
        overlap = config.overlap if isinstance(config.overlap, bool) else took > _WORTH_OVERLAPPING
        return Opened(executor, policy, scheduler, 2 if overlap and executor.capabilities.concurrent else 1)

    def _spent(self, what: str, began: float) -> None:
        self.took[what] = self.took.get(what, 0.0) + time.perf_counter() - began

    def _guarded(self, what: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except JackfieldError:
            raise
        except Exception as error:  # a plugin is foreign code
            log.error("loading failed", model=self.name, exc_info=error)
            raise LoadError(f"{what} failed: {type(error).__name__}: {error}") from error


def _detects(cls: type[object], source: str) -> bool:
    return issubclass(cls, Loader) and cls.detects(source)
