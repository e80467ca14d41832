"""What a version goes through: it is loaded, warmed up, ready, drained and unloaded, or it fails; and who is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from jackfield.clock import Clock
from jackfield.config.models import ModelConfig
from jackfield.engine.bisect import public
from jackfield.errors import JackfieldError
from jackfield.lifecycle.group import Post, ReplicaGroup
from jackfield.lifecycle.observers import Observers
from jackfield.lifecycle.state import VersionState
from jackfield.plugins.registry import Registry
from jackfield.work import StepReport

log = structlog.get_logger("jackfield.lifecycle")

_SHOWN_EVERY = 1.0  # seconds between lines about the progress of loading; what is quicker needs none


class Course:
    """Used on the event loop, except for loading and stopping, which it sends to threads. `group`: the replicas, which
    it starts and stops, and whose deaths it hears of. `reason`: why `state` is what it is, where that needs one."""

    def __init__(
        self,
        model: str,
        config: ModelConfig,
        registry: Registry,
        observers: Observers,
        clock: Clock,
        post: Post,
        stepped: Callable[[StepReport], None],
    ) -> None:
        self.state = VersionState.LOADING
        self.reason = ""
        self._model = model
        self._name = config.version
        self._observers = observers
        self._now = clock.now
        self._post = post
        self._shown = 0.0
        self._complete = False
        self.group = ReplicaGroup(
            model, config, registry, clock, post, stepped, self._progressed, self._died, self._back
        )

    @property
    def ready(self) -> bool:
        """See `Version.ready`."""
        if self.state is not VersionState.READY:
            return False
        alive = len(self.group.alive)
        return alive > 0 if self.group.isolated else alive == len(self.group.all)

    @property
    def unready(self) -> str:
        """See `Version.unready`."""
        match self.state:
            case VersionState.READY:
                return ""
            case VersionState.FAILED:
                what = "is not ready" if self.group.all else "failed to load"
                return f"model '{self._model}' {what}: {public(self.reason)}"
            case state:
                return f"model '{self._model}' is not ready: it is {state}"

    async def load(
        self,
        gently: bool,
        prove: Callable[[], Awaitable[None]],
        approve: Callable[[], Awaitable[None]] | None,
    ) -> None:
        """See `Version.load`. `prove` is awaited when the replicas are there, within the time that loading may take,
        and `approve` after it, however long it takes: both raise LoadError if the version must not serve."""
        group = self.group
        group.opener.gently = gently
        self._enter(VersionState.LOADING)
        self._shown = self._now()
        limit = group.config.load_timeout_s
        try:
            group.make_placement()
            async with asyncio.timeout(limit):
                await group.start(self._name)
                await prove()
            if approve is not None:
                await approve()
        except asyncio.CancelledError:
            group.abandon()
            raise
        except TimeoutError:
            group.abandon()
            await self._fail(f"loading took longer than {limit:g} s")
            return
        except JackfieldError as error:
            await self._fail(str(error))
            return
        except Exception as error:  # a placement is foreign code
            log.exception("loading failed", model=self._model)
            await self._fail(f"{type(error).__name__}: {error}")
            return
        if self.state is VersionState.FAILED:  # what was loaded has died meanwhile, and does not come again
            await self._fail(self.reason)
            return
        self._complete = True
        self._enter(VersionState.READY, took=group.opener.took)

    async def withdraw(self, reason: str, timeout: float) -> None:
        """See `Version.withdraw`."""
        self.group.abandon()
        self._enter(VersionState.DRAINING, reason)
        await self.group.stop(timeout)
        self.group.forget()
        self._enter(VersionState.FAILED, reason)

    def refuse(self, reason: str) -> None:
        """See `Version.refuse`."""
        self._enter(VersionState.FAILED, reason)

    async def unload(self, timeout: float) -> None:
        """See `Version.unload`."""
        if self.state is VersionState.UNLOADED:
            return
        if self.state is VersionState.FAILED:  # it may have died after it was ready
            await self.group.stop(0)
            self.group.forget()
            return
        if self.state is not VersionState.DRAINING:
            self._enter(VersionState.DRAINING)
        await self.group.stop(timeout)
        if self.state is VersionState.DRAINING:  # another may have waited for the same
            self.group.forget()
            self._enter(VersionState.UNLOADED)

    def _progressed(self, doing: str, done: int, total: int) -> None:
        self._post(lambda: self._show(doing, done, total))

    def _show(self, doing: str, done: int, total: int) -> None:
        now = self._now()
        if now - self._shown >= _SHOWN_EVERY and done < total:
            self._shown = now
            log.info("model is " + doing, model=self._model, version=self._name, done=done, of=total)
        if doing == "warming up" and self.state is VersionState.LOADING:
            self._enter(VersionState.WARMING)

    def _died(self, reason: str) -> None:
        if self.group.alive or self.state is not VersionState.READY:
            coming = self.state in (VersionState.LOADING, VersionState.WARMING)
            if coming and not self.group.alive and not self.group.restarting:
                self._enter(VersionState.FAILED, f"its worker is down: {reason}")
        elif self.group.restarting:
            self._enter(VersionState.LOADING, f"its worker is down and started again: {reason}")
        else:
            self._enter(VersionState.FAILED, f"its worker is down: {reason}")

    def _back(self) -> None:
        if self._complete and self.state in (VersionState.LOADING, VersionState.WARMING):
            self._enter(VersionState.READY)

    async def _fail(self, reason: str) -> None:
        await self.group.stop(0)
        self.group.forget()
        self._enter(VersionState.FAILED, reason)

    def _enter(self, state: VersionState, reason: str = "", took: Mapping[str, float] | None = None) -> None:
        self.state, self.reason = state, reason
        level = log.error if state is VersionState.FAILED else log.info
        more: dict[str, object] = {"reason": reason} if reason else {}
        more |= {what: round(seconds, 3) for what, seconds in (took or {}).items()}
        level("model is " + state, model=self._model, version=self._name, **more)
        self._observers.changed(self._model, self._name, state, reason)
