"""The replicas of a version: started, chosen between, started again, stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from jackfield.clock import Clock
from jackfield.config.models import ModelConfig
from jackfield.errors import JackfieldError, Unavailable, Unsupported
from jackfield.interfaces import Placement, Reconfigurable, Replica, Router
from jackfield.lifecycle.abandoning import Abandonment
from jackfield.lifecycle.background import in_background
from jackfield.lifecycle.changing import made
from jackfield.lifecycle.lost import LostWorks
from jackfield.lifecycle.memory import give_back
from jackfield.lifecycle.opening import Opener
from jackfield.lifecycle.replica import LocalReplica
from jackfield.lifecycle.restarts import Restarts
from jackfield.lifecycle.share import pin, share_of
from jackfield.lifecycle.spec import LocalSpec
from jackfield.lifecycle.warmup import Progress
from jackfield.plugins.registry import Registry
from jackfield.work import Request, StepReport, Work

log = structlog.get_logger("jackfield.lifecycle")

Post = Callable[[Callable[[], None]], None]

_BETWEEN_LOOKS = 0.005  # seconds


class ReplicaGroup:
    """Used on the event loop, except where `Placement.start` and `Replica.stop` run in threads.

    `died` is told that a replica has died and why, when it is known whether it will be started again; `back` that one
    is there again.
    """

    def __init__(
        self,
        model: str,
        config: ModelConfig,
        registry: Registry,
        clock: Clock,
        post: Post,
        stepped: Callable[[StepReport], None],
        progress: Progress,
        died: Callable[[str], None],
        back: Callable[[], None],
    ) -> None:
        self.config = config
        self.all: list[Replica] = []
        self.opener = Opener(model, config, registry)
        self.lost = LostWorks(model, clock.now, 1 if config.idempotent else 0)
        self.deaths = 0
        self.restarts = 0
        self._model = model
        self._registry = registry
        self._clock = clock
        self._told: tuple[Post, Callable[[StepReport], None]] = (post, stepped)
        self._progress = progress
        self._on_death = died
        self._back = back
        self._abandoned = False
        self._placement: Placement | None = None
        self._restarts = Restarts(config.restarts)
        self._restarting: dict[int, asyncio.Task[None]] = {}
        self._router: Router = registry.get("router", config.router.name)(config.router.options)

    @property
    def isolated(self) -> bool:
        """Whether what dies is started again."""
        return self._placement is not None and self._placement.isolated

    @property
    def alive(self) -> list[Replica]:
        """Those that take requests."""
        return [replica for replica in self.all if replica.alive]

    @property
    def restarting(self) -> bool:
        """Whether one that died is on its way back."""
        return bool(self._restarting)

    def make_placement(self) -> None:
        """Raises what the placement's plugin raises."""
        section = self.config.placement
        self._placement = self._registry.get("placement", section.name)(section.options)

    async def start(self, version: str) -> None:
        """Start all, one after another. Raises LoadError, and whatever else a placement raises."""
        for number in range(self.config.replicas):
            await self._started(version, number)

    def cost(self, request: Request, size: int) -> int:
        """What `request`, whose inputs have `size` bytes, will cost a replica."""
        replica = self.all[0]
        if isinstance(replica, LocalReplica) and replica.cost_of is not None:
            try:
                return max(replica.cost_of(request), 1)
            except Exception as error:  # an executor is foreign code, and no request is worse for this
                log.error("cost is unknown", model=self._model, error=f"{type(error).__name__}: {error}")
        return size or 1

    def choose(self, request: Request, cost: int) -> Replica:
        """Which takes `request`; raises Unavailable if none is alive."""
        replicas = self.all
        if len(replicas) > 1 or self.isolated:
            replicas = self.alive
            if not replicas:
                raise Unavailable(f"model '{self._model}' has no replica that is alive")
            if len(replicas) > 1:
                return self._routed(request, cost, replicas)
        return replicas[0]

    def reconfigure(self, config: ModelConfig) -> Callable[[], None]:
        """What puts `config` into effect here, in all that are alive and in the router. Raises ConfigError or
        Unsupported."""
        effects = [self._change_of(replica, config) for replica in self.alive]
        same = config.router == self.config.router
        router: Router = self._router if same else made("router", config, self._registry)

        def effect() -> None:
            for own in effects:
                own()
            self._router, self.config = router, config

        return effect

    def look(self) -> None:
        """At each heartbeat: notice the dead, and works that wait in vain."""
        for replica in self.all:
            _ = replica.alive  # a look is enough: a worker that hangs is given up there
        self.lost.expire()

    def abandon(self) -> None:
        """Nothing is started any more."""
        self._abandoned = True
        for task in self._restarting.values():
            task.cancel()

    async def stop(self, timeout: float) -> None:
        """Stop all, each within `timeout` seconds; while that is done already, with less time than before."""
        if self.isolated and not self._abandoned:
            timeout = await self._drained(timeout)
        self.abandon()
        self.lost.fail("it is being stopped")
        post = self._told[0]
        stops = (in_background(f"stopping {one.name}", partial(one.stop, timeout), post) for one in self.all)
        for outcome in await asyncio.gather(*stops, return_exceptions=True):
            if isinstance(outcome, BaseException):
                log.error("a replica did not stop cleanly", model=self._model, exc_info=outcome)

    async def _drained(self, timeout: float) -> float:
        """Wait until what was accepted is answered, while those that die are still started again and others go on with
        their works; what is left of `timeout` then."""
        now = asyncio.get_running_loop().time
        until = now() + timeout
        while not self._abandoned and (left := until - now()) > 0:
            if not len(self.lost) and not any(replica.cost for replica in self.all):
                return left
            await asyncio.sleep(_BETWEEN_LOOKS)
        return 0.0

    def forget(self) -> None:
        """Once it is stopped: give back what was read of the model, whoever still looks at what became of it."""
        self.opener.forget()

    async def _started(self, version: str, number: int) -> None:
        name = f"{self._model}/{version}/{number}"
        died = partial(self._died, version, number)
        share = share_of(self._model, self.config, number)
        start = Abandonment()
        spec = LocalSpec(
            name,
            self._model,
            number,
            self.config,
            share,
            self.opener,
            self._clock,
            *self._told,
            died,
            self._progress,
            start.tell,
        )
        try:
            await in_background(f"loading {name}", partial(self._start, spec, start), self._told[0])
        except BaseException:
            start.abandon()
            raise

    def _start(self, spec: LocalSpec, start: Abandonment) -> None:
        """On a loading thread, which cannot be interrupted: a replica that nobody waits for any more is stopped."""
        assert self._placement is not None
        pin(spec.share)
        replica = self._placement.start(spec)
        wanted = start.finish(partial(self._put, spec.number, replica))
        if not wanted or self._abandoned:  # looked at after it can be seen, so that one side or the other stops it
            replica.stop(0)

    def _put(self, number: int, replica: Replica) -> None:
        if number < len(self.all):
            self.all[number] = replica
        else:
            self.all.append(replica)

    def _change_of(self, replica: Replica, config: ModelConfig) -> Callable[[], None]:
        if not isinstance(replica, Reconfigurable):
            raise Unsupported(f"placement '{config.placement.name}' cannot change model '{self._model}' while it runs")
        return replica.reconfigure(config)

    def _routed(self, request: Request, cost: int, replicas: Sequence[Replica]) -> Replica:
        try:
            index = self._router.choose(request, cost, replicas)
            if 0 <= index < len(replicas):
                return replicas[index]
            log.error("router chose a replica that is not there", model=self._model, index=index, of=len(replicas))
        except Exception as error:  # a router is foreign code: any replica will do
            log.error("router raised", model=self._model, error=f"{type(error).__name__}: {error}")
        return min(replicas, key=lambda replica: replica.cost)

    def _died(self, version: str, number: int, replica: LocalReplica, reason: str) -> None:
        self.deaths += 1
        if not self.isolated or self._abandoned:
            self._on_death(reason)
            return
        self.lost.take(replica.surrender(), replica.signature, replica.resume, reason)
        self._restart(version, number)
        self._on_death(reason)
        self.place()

    def _restart(self, version: str, number: int) -> None:
        delay = self._restarts.after(self._clock.now())
        if delay is None:
            log.error("replica is given up: it died too often", model=self._model, number=number)
            return
        task = asyncio.ensure_future(self._again(version, number, delay))
        self._restarting[number] = task

    async def _again(self, version: str, number: int, delay: float) -> None:
        while not self._abandoned:
            await self._clear(number)
            log.info("replica is started again", model=self._model, number=number, delay_s=round(delay, 2))
            await asyncio.sleep(delay)
            try:
                async with asyncio.timeout(self.config.load_timeout_s):
                    await self._started(version, number)
            except TimeoutError:
                reason = f"loading took longer than {self.config.load_timeout_s:g} s"
            except JackfieldError as error:
                reason = str(error)
            except Exception as error:  # a placement is foreign code
                log.exception("loading failed", model=self._model)
                reason = f"{type(error).__name__}: {error}"
            else:
                self.restarts += 1
                self._restarting.pop(number, None)
                self._back()
                self.place()
                await asyncio.to_thread(give_back, once_grown=True)  # of what it held of the one before
                return
            log.error("replica could not be started again", model=self._model, number=number, reason=reason)
            more = self._restarts.after(self._clock.now())
            if more is None:
                self._restarting.pop(number, None)
                self._on_death(reason)
                self.place()  # nobody may be left to wait for
                return
            delay = more

    async def _clear(self, number: int) -> None:
        """Give back what a replica held that is dead, or that came when it was given up."""
        replica = self.all[number]
        try:
            await in_background(f"stopping {replica.name}", partial(replica.stop, 0), self._told[0])
        except Exception:  # a placement is foreign code
            log.exception("a dead replica did not stop cleanly", model=self._model, number=number)

    def place(self) -> None:
        """Hand lost works to those that are alive, or give them up if nobody will be."""
        if not self.alive and not self.restarting:
            self.lost.fail("its worker is down")
        elif len(self.lost):
            self.lost.place(self._adopt)

    def _adopt(self, work: Work) -> None:
        mind = work.continuation
        left = work.request if mind is None or mind.request is None else mind.request
        work.cost = self.cost(left, work.bytes)
        replica = self.choose(left, work.cost)
        assert isinstance(replica, LocalReplica)
        replica.adopt(work)
