"""A version of a model: its replicas behind a router, its state, and the ledger of its requests."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog

from jackfield.clock import Clock
from jackfield.config.models import ModelConfig
from jackfield.engine.bisect import public
from jackfield.errors import (
    Cancelled,
    InvalidRequest,
    JackfieldError,
    LoadError,
    NotFound,
    Overloaded,
    QuotaExceeded,
    Unavailable,
)
from jackfield.interfaces import Replica
from jackfield.keys.caller import CALLER
from jackfield.lifecycle.course import Course
from jackfield.lifecycle.golden import check_golden
from jackfield.lifecycle.memory import free_bytes
from jackfield.lifecycle.observers import Observers
from jackfield.lifecycle.state import VersionState
from jackfield.lifecycle.statistics import Statistics
from jackfield.plugins.registry import Registry
from jackfield.signature import measure
from jackfield.stream import Stream
from jackfield.types import Signature
from jackfield.work import Request, Response, Result, Sink, StepReport, Work

log = structlog.get_logger("jackfield.lifecycle")


class Version:
    """Everything here runs on the event loop, except for loading and stopping, which it sends to threads.

    `statistics`: the ledger to go on with, of another version of this name that this one takes the place of. `aside` is
    that of requests that no client asked. `watch` is told of each client's request that is over. `retry_after`: seconds
    after which those that are refused because it is not ready may come again. `approve` is asked once it is loaded,
    before it is ready, and raises LoadError if it must not be. `unwanted` says why it need not go on trial any more.
    """

    def __init__(
        self,
        model: str,
        config: ModelConfig,
        registry: Registry,
        observers: Observers,
        clock: Clock,
        post: Callable[[Callable[[], None]], None],
        statistics: Statistics | None = None,
    ) -> None:
        self.model = model
        self.name = config.version
        self.config = config
        self.statistics = Statistics() if statistics is None else statistics
        self.aside = Statistics()
        self.watch: Callable[[Work], None] | None = None
        self.retry_after = 1.0
        self.signature = Signature((), ())
        self.approve: Callable[[], Awaitable[None]] | None = None
        self.unwanted = ""
        self._observers = observers
        self._now = clock.now
        self._course = Course(model, config, registry, observers, clock, post, self._stepped)
        self._group = self._course.group

    @property
    def state(self) -> VersionState:
        """How far it is."""
        return self._course.state

    @property
    def reason(self) -> str:
        """Why it is in its state, where that needs a reason; empty otherwise."""
        return self._course.reason

    @property
    def replicas(self) -> Sequence[Replica]:
        """Its copies, by their numbers, the dead ones included."""
        return self._group.all

    @property
    def ready(self) -> bool:
        """Loaded, warmed up, and with workers that are alive: all, or one where those that die are started again."""
        return self._course.ready

    @property
    def unready(self) -> str:
        """One sentence that says why it takes no requests; empty if it does."""
        return self._course.unready

    @property
    def platform(self) -> str:
        """Backend and kind of artifact, as metadata tells it."""
        return self._group.opener.platform

    @property
    def about(self) -> Any:
        """What its executor tells endpoints beyond the signature; None before it is ready."""
        return self.replicas[0].about if self.replicas else None

    @property
    def took_s(self) -> float:
        """Seconds that it took to load, over all replicas."""
        return sum(self._group.opener.took.values())

    def memory(self) -> tuple[int, str, int | None]:
        """Bytes that it took of memory as far as that could be seen, 0 for unknown; on which device, and what is free
        there (None: nobody knows). Not on the event loop: it may ask the device."""
        opener = self._group.opener
        return opener.bytes, opener.device, free_bytes(opener.backend, opener.device)

    @property
    def max_rows(self) -> int:
        """Most rows of one request."""
        return min((replica.max_rows for replica in self.replicas), default=0)

    @property
    def waiting(self) -> int:
        """How many requests wait in the queues of the replicas."""
        return sum(getattr(replica, "waiting", 0) for replica in self.replicas)

    @property
    def policy_states(self) -> dict[str, Mapping[str, float]]:
        """What the batching policies have learned, by the replica's name."""
        return {replica.name: replica.policy_state() for replica in self.replicas if hasattr(replica, "policy_state")}

    @property
    def executor_states(self) -> dict[str, Mapping[str, float]]:
        """What the executors of work of many steps hold, by the replica's name."""
        replicas = [replica for replica in self.replicas if hasattr(replica, "executor_state")]
        return {replica.name: state for replica in replicas if (state := replica.executor_state())}

    @property
    def worker_states(self) -> dict[str, Mapping[str, float]]:
        """What is known of the processes that the replicas run in, by the replica's name."""
        replicas = [replica for replica in self.replicas if hasattr(replica, "worker_state")]
        return {replica.name: state for replica in replicas if (state := replica.worker_state())}

    @property
    def deaths(self) -> int:
        """How many replicas have died so far."""
        return self._group.deaths

    @property
    def restarts(self) -> int:
        """How many of them were started again."""
        return self._group.restarts

    async def load(self, *, gently: bool = False) -> None:
        """Start the replicas, one after another; afterwards the version is ready or failed. Never raises LoadError.
        `gently`: others serve meanwhile, and are left time."""
        await self._course.load(gently, self._prove, self.approve)

    def submit(self, request: Request, told: Sink | None = None) -> Work:
        """Accept `request`: its future gives the response, or raises what became of it; with `told` there is no future,
        and `told` is called with what became of it instead. Raises what is wrong with it, Overloaded, or Unavailable,
        and then it was not accepted."""
        try:
            return self._submit(request, told)
        except JackfieldError as error:
            self.refused(error)
            raise

    def ask(self, request: Request, told: Sink) -> Work:
        """Run `request`, which no client asked, whatever state this is in: it is counted in `aside`, and observers hear
        nothing of it. `told` gets what becomes of it, on the event loop. Raises as `submit`."""

        def settled(work: Work, result: Result) -> None:
            if work.final is not None:
                self.aside.settled(work)
            told(work, result)

        work = self._made(request, settled)
        work.replica.submit(work)
        self.aside.accepted += 1
        return work

    def stream(self, request: Request, buffer: int) -> Stream:
        """Accept `request`, whose answer comes in pieces. Raises as `submit`."""
        request.stream = True
        stream = Stream(buffer, self.cancel)
        try:
            stream.work = self._submit(request, None, stream)
        except JackfieldError as error:
            self.refused(error)
            raise
        return stream

    def check_room(self, size: int = 0) -> None:
        """Raise Overloaded or Unavailable, and count it, if a request whose body has `size` bytes would be refused
        whatever is in it. For endpoints to ask before they read and decode; `submit` checks all the same.

        Room in one replica is enough: the router is asked when it is known what the request is."""
        error: Unavailable | None = None
        caller = CALLER.get()
        if caller is not None:
            try:
                caller.check()
            except QuotaExceeded as exceeded:
                self.refused(exceeded)
                raise
        if self.state is VersionState.READY:
            for replica in self.replicas:
                try:
                    replica.check_room(size)
                    return
                except Unavailable as refusal:
                    error = refusal
        if error is None:
            error = self._unready()
        self.refused(error)
        raise error

    def refused(self, error: JackfieldError) -> None:
        """Count a request for this version that was not accepted: `submit` does so by itself, an endpoint says it of
        what it could not decode."""
        reason = _reason(error)
        self.statistics.refuse(reason)
        self._observers.refused(self.model, reason)

    def reconfigure(self, config: ModelConfig) -> None:
        """Go on with `config`, which differs in what can be changed while it runs: in all replicas or in none.

        What was accepted stays accepted, with its deadline; a request that has more rows than the new policy's steps
        runs alone. Raises ConfigError, Unavailable or Unsupported, and then nothing has changed."""
        if self._course.state is not VersionState.READY:
            raise Unavailable(self.unready)
        effect = self._group.reconfigure(config)
        effect()
        self.config = config
        log.info("model is reconfigured", model=self.model, version=self.name)

    def look(self) -> None:
        """At each heartbeat of the server."""
        self._group.look()

    def cancel(self, work: Work) -> None:
        """Withdraw `work`."""
        work.replica.cancel(work)

    async def withdraw(self, reason: str, timeout: float) -> None:
        """As `unload`, but it ends as failed, for `reason`: it was found not to be good."""
        await self._course.withdraw(reason, timeout)

    def refuse(self, reason: str) -> None:
        """It is not even loaded, for `reason`."""
        self._course.refuse(reason)

    async def unload(self, timeout: float) -> None:
        """Refuse new requests, answer the accepted ones within `timeout` seconds, and free everything."""
        await self._course.unload(timeout)

    async def hurry(self) -> None:
        """Have `unload`, which waits for what was accepted, end at once."""
        await self._group.stop(0)

    async def _prove(self) -> None:
        """The replicas are there: learn what they take, and ask what is known."""
        self.signature = self.replicas[0].signature
        await check_golden(self.model, self.config.update.golden, self.signature, self.ask)

    def _submit(self, request: Request, told: Sink | None, stream: Stream | None = None) -> Work:
        if self._course.state is not VersionState.READY:
            raise self._unready()
        caller = CALLER.get()
        if caller is not None:
            if not caller.may_use(self.model):
                raise NotFound(f"Request for unknown model: '{self.model}' is not found")
            caller.check()
            request.tenant, request.weight = caller.tenant, caller.weight
        work = self._made(request, self._settled if stream is None else self._streamed)
        if stream is not None:
            work.future = stream
        elif told is None:
            work.future = asyncio.get_running_loop().create_future()
        else:
            work.told = told
        work.replica.submit(work)
        if caller is not None:
            work.caller = caller
            caller.charge(work.rows)
        self.statistics.accepted += 1
        self.statistics.last_arrival = work.arrival
        self._observers.accepted(self.model, self.name, work)
        return work

    def _made(self, request: Request, sink: Sink) -> Work:
        """`request`, checked and measured, for the replica that is to take it."""
        weight = measure(self.signature, self.model, request.inputs)
        if request.outputs:
            self._check_outputs(request)
        now = self._now()
        work = Work(request, weight.rows, weight.bytes, weight.key, now, self._deadline(request, now), sink)
        work.cost = self._group.cost(request, weight.bytes)
        work.replica, work.version = self._group.choose(request, work.cost), self
        return work

    def _unready(self) -> Unavailable:
        return Unavailable(self.unready, self.retry_after)

    def _deadline(self, request: Request, now: float) -> float | None:
        timeout = request.timeout
        if timeout is None:
            timeout = self.config.timeout_s
            if timeout is None:
                return None
        elif math.isnan(timeout):
            raise InvalidRequest(f"timeout of a request for model '{self.model}' must be a number of seconds, got nan")
        return now + min(timeout, self.config.max_timeout_s)

    def _check_outputs(self, request: Request) -> None:
        known = self.signature.output_names
        for name in request.outputs:
            if name not in known:
                gives = ", ".join(f"'{n}'" for n in known)
                raise InvalidRequest(
                    f"unexpected inference output '{public(name)}' for model '{self.model}': it gives {gives}"
                )

    def _settled(self, work: Work, result: Result) -> None:
        self._over(work)
        if work.caller is not None and isinstance(result, Response):
            work.caller.charge(tokens=result.spent)
        if work.told is not None:
            work.told(work, result)
            return
        future = work.future
        if future is not None and not future.done():
            if isinstance(result, Response):
                future.set_result(result)
            elif isinstance(result, Cancelled):
                future.cancel()
            else:
                future.set_exception(result)

    def _streamed(self, work: Work, result: Result) -> None:
        if work.final is not None:
            self._over(work)
        if work.caller is not None and isinstance(result, Response):
            work.caller.charge(tokens=result.spent)
        work.future.feed(work, result)

    def _over(self, work: Work) -> None:
        self.statistics.settled(work)
        self._observers.settled(self.model, self.name, work)
        if self.watch is not None:
            self.watch(work)

    def _stepped(self, report: StepReport) -> None:
        self.statistics.stepped(report)
        self._observers.stepped(self.model, self.name, report)


def _reason(error: JackfieldError) -> str:
    if isinstance(error, Overloaded):
        return "shed"
    if isinstance(error, QuotaExceeded):
        return "quota"
    return "unavailable" if isinstance(error, Unavailable) else "invalid"


def first_failure(versions: Sequence[Version]) -> LoadError | None:
    """The reason of the first version that failed to load, as an error."""
    for version in versions:
        if version.state is VersionState.FAILED:
            return LoadError(f"model '{version.model}' failed to load: {version.reason}")
    return None
