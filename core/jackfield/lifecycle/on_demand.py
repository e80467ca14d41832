"""Models that sleep until they are asked for, within a budget of memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextvars import Context
from dataclasses import dataclass

import structlog

from jackfield.clock import Clock
from jackfield.config.models import ModelConfig
from jackfield.engine.bisect import public
from jackfield.errors import Expired, JackfieldError, LoadError, Overloaded, Unavailable
from jackfield.lifecycle.model import Model

log = structlog.get_logger("jackfield.on_demand")


@dataclass(slots=True, eq=False)
class Sleeper:
    """A model that is loaded on demand. `held`: bytes of the budget that it has; `took`: seconds of its last load.
    `failures` in a row, after which it is not loaded before `retry_at`, for `reason`."""

    name: str
    config: ModelConfig
    waiting: int = 0
    waking: asyncio.Task[JackfieldError | None] | None = None
    leaving: asyncio.Task[None] | None = None
    held: int = 0
    woken: float = 0.0
    took: float = 1.0
    failures: int = 0
    retry_at: float = 0.0
    reason: str = ""
    loads: int = 0
    failed_loads: int = 0
    evictions: int = 0


class OnDemand:
    """Used on the event loop. `sleeping` are the models that a request must wait for, by name.

    `budget`: bytes that all together may hold; `measure` says, on a thread, how many a model takes. `bring` loads a
    model, `put_away` unloads it.
    """

    def __init__(
        self,
        models: Mapping[str, Model],
        clock: Clock,
        budget: int | None,
        measure: Callable[[ModelConfig], int],
        bring: Callable[[str], Awaitable[object]],
        put_away: Callable[[str], Awaitable[None]],
    ) -> None:
        self.sleeping: dict[str, Sleeper] = {}
        self.budget = budget
        self._known: dict[str, Sleeper] = {}
        self._models = models
        self._now = clock.now
        self._measure = measure
        self._bring = bring
        self._put_away = put_away
        self._looked = asyncio.Event()

    def __contains__(self, name: str) -> bool:
        return name in self._known

    @property
    def all(self) -> Collection[Sleeper]:
        """Asleep or not."""
        return self._known.values()

    @property
    def held(self) -> int:
        """Bytes of the budget that are taken."""
        return sum(sleeper.held for sleeper in self._known.values())

    def take(self, name: str, config: ModelConfig, held: int | None = None) -> None:
        """The model `name` is loaded on demand, with this section from now on. It sleeps if it is new here, unless it
        is there already and has `held` bytes."""
        sleeper = self._known.get(name)
        if sleeper is None:
            sleeper = self._known[name] = Sleeper(name, config)
            if held is None:
                self.sleeping[name] = sleeper
        elif sleeper.config != config:
            sleeper.config, sleeper.retry_at, sleeper.failures = config, 0.0, 0
        if held is not None:
            sleeper.held, sleeper.woken = held, self._now()

    def drop(self, name: str) -> None:
        """It is not any more."""
        self.sleeping.pop(name, None)
        sleeper = self._known.pop(name, None)
        if sleeper is not None and sleeper.waking is not None:
            sleeper.waking.cancel()

    def rouse(self, name: str) -> asyncio.Task[JackfieldError | None]:
        """Have a model that sleeps loaded, if nobody has yet. Raises Unavailable if that has just failed, or if
        requests are not to wait for it, and Overloaded if too many do."""
        sleeper = self.sleeping[name]
        own, waking = sleeper.config.on_demand, self._waking(sleeper)
        if own.first_request == "refuse":
            raise Unavailable(f"model '{name}' is not ready: it is being loaded", max(1.0, sleeper.took))
        if sleeper.waiting >= own.max_waiting:
            raise Overloaded(
                f"Exceeds maximum queue size: {sleeper.waiting} requests wait for model '{name}' to be loaded",
                max(1.0, sleeper.took),
            )
        return waking

    async def awake(self, name: str, timeout: float | None = None) -> None:
        """Return once the model serves, and have it loaded if nobody has yet; at most `timeout` seconds (None: as long
        as that may take).

        Raises as `rouse`, Expired when the time is over, and Unavailable if loading fails."""
        until = None if timeout is None else asyncio.get_running_loop().time() + timeout
        while (sleeper := self.sleeping.get(name)) is not None:
            waking = self.rouse(name)
            sleeper.waiting += 1
            try:
                async with asyncio.timeout_at(until):
                    error = await asyncio.shield(waking)
            except TimeoutError:
                raise Expired(f"Request timeout expired while model '{name}' was loaded") from None
            except asyncio.CancelledError:
                if waking.cancelled():
                    raise Unavailable(f"model '{name}' is not ready: it is not loaded any more") from None
                raise
            finally:
                sleeper.waiting -= 1
            if error is not None:
                raise self._refusal(sleeper)

    async def wake(self, name: str) -> None:
        """Load the model now, whenever it failed last. Raises LoadError."""
        sleeper = self._known[name]
        sleeper.retry_at = 0.0
        while name in self.sleeping:
            error = await asyncio.shield(self._waking(sleeper))
            if error is not None:
                raise error

    async def at_rest(self, name: str) -> None:
        """Wait until the model is not being loaded, if it is."""
        while (sleeper := self._known.get(name)) is not None and sleeper.waking is not None:
            await asyncio.wait([sleeper.waking])

    async def put_to_sleep(self, name: str) -> None:
        """Unload the model until somebody asks for it. What it accepted is answered."""
        sleeper = self._known[name]
        if sleeper.waking is not None:
            await asyncio.wait([sleeper.waking])
        if name not in self.sleeping:
            await asyncio.shield(self._begin_leaving(sleeper))
        elif sleeper.leaving is not None:
            await asyncio.wait([sleeper.leaving])

    def look(self) -> None:
        """At each heartbeat: those that wait for memory look again."""
        self._looked.set()
        self._looked = asyncio.Event()

    async def stop(self) -> None:
        """Load nothing any more; those that wait are told."""
        tasks = [task for one in self._known.values() for task in (one.waking, one.leaving) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _waking(self, sleeper: Sleeper) -> asyncio.Task[JackfieldError | None]:
        """What loads it; raises Unavailable if it is too early for that."""
        if sleeper.waking is None:
            if self._now() < sleeper.retry_at:
                raise self._refusal(sleeper)
            # in a context of its own: it is not the caller's whose request happens to come first
            loop = asyncio.get_running_loop()
            sleeper.waking = loop.create_task(self._wake(sleeper), context=Context())
        return sleeper.waking

    def _refusal(self, sleeper: Sleeper) -> Unavailable:
        wait = max(sleeper.retry_at - self._now(), 1.0)
        return Unavailable(public(sleeper.reason), wait)

    async def _wake(self, sleeper: Sleeper) -> JackfieldError | None:
        name, began = sleeper.name, self._now()
        try:
            if sleeper.leaving is not None:
                await asyncio.wait([sleeper.leaving])
            size = await asyncio.to_thread(self._measure, sleeper.config)
            await self._make_room(sleeper, size)
            await self._bring(name)
        except asyncio.CancelledError:
            sleeper.held = 0
            raise
        except Unavailable as error:  # not its own fault
            sleeper.held, sleeper.reason = 0, str(error)
            return error
        except JackfieldError as error:
            self._failed(sleeper, error)
            return error
        except Exception as error:
            log.exception("loading failed", model=name)
            failure = LoadError(f"model '{name}' failed to load: {type(error).__name__}: {error}")
            self._failed(sleeper, failure)
            return failure
        else:
            self.sleeping.pop(name, None)
            sleeper.woken = self._now()
            sleeper.took, sleeper.failures, sleeper.reason = sleeper.woken - began, 0, ""
            sleeper.loads += 1
            return None
        finally:
            sleeper.waking = None

    def _failed(self, sleeper: Sleeper, error: JackfieldError) -> None:
        own = sleeper.config.on_demand
        delay = min(own.retry_s * 2.0 ** min(sleeper.failures, 30), own.max_retry_s)
        sleeper.held, sleeper.failures, sleeper.failed_loads = 0, sleeper.failures + 1, sleeper.failed_loads + 1
        sleeper.retry_at, sleeper.reason = self._now() + delay, str(error)
        log.error("model could not be loaded on demand", model=sleeper.name, reason=str(error), again_in_s=delay)

    async def _make_room(self, sleeper: Sleeper, size: int) -> None:
        """Have `size` bytes for it, and evict others for that, those first that were used longest ago.

        Raises LoadError if there can never be so much, Unavailable if all others are at work for too long."""
        if self.budget is not None:
            if size > self.budget:
                raise LoadError(
                    f"model '{sleeper.name}' failed to load: it takes {size} bytes of memory, and "
                    f"`server.memory_budget` is {self.budget} for all models that are loaded on demand"
                )
            until = self._now() + sleeper.config.load_timeout_s
            while self.held + size > self.budget:
                idle = [one for one in self._known.values() if self._idle(one)]
                if idle:
                    least = min(idle, key=self._used)
                    least.evictions += 1
                    log.info("model is evicted", model=least.name, for_model=sleeper.name, bytes=least.held)
                    await asyncio.wait([self._begin_leaving(least)])
                elif self._now() >= until:
                    raise Unavailable(f"model '{sleeper.name}' is not ready: others are at work in the memory it needs")
                else:
                    await self._looked.wait()
        sleeper.held = size

    def _idle(self, sleeper: Sleeper) -> bool:
        if sleeper.name in self.sleeping or sleeper.waiting or not sleeper.held:
            return False
        return not any(version.statistics.outstanding for version in self._models[sleeper.name].all)

    def _used(self, sleeper: Sleeper) -> float:
        used = [version.statistics.last_arrival for version in self._models[sleeper.name].all]
        return max([sleeper.woken, *used])

    def _begin_leaving(self, sleeper: Sleeper) -> asyncio.Task[None]:
        """From here on requests wait, so that none is accepted that would have to be drained."""
        self.sleeping[sleeper.name] = sleeper
        sleeper.leaving = asyncio.ensure_future(self._leave(sleeper))
        return sleeper.leaving

    async def _leave(self, sleeper: Sleeper) -> None:
        try:
            await self._put_away(sleeper.name)
        except Exception:
            log.exception("model was not unloaded cleanly", model=sleeper.name)
        finally:
            sleeper.held, sleeper.leaving = 0, None
