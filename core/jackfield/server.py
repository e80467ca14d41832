"""The server: models, put together from the configuration, and the way into them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from jackfield.arrays import array_of
from jackfield.clients import Clients
from jackfield.clock import Clock, MonotonicClock
from jackfield.config import load
from jackfield.config.models import Config, ModelConfig
from jackfield.engine.bisect import public
from jackfield.errors import JackfieldError, LoadError, NotFound, Overloaded, Unavailable, Unsupported
from jackfield.keys.caller import CALLER
from jackfield.keys.ring import Ring
from jackfield.lifecycle.model import Model
from jackfield.lifecycle.observers import Observers
from jackfield.lifecycle.statistics import Statistics
from jackfield.lifecycle.updating import Updater
from jackfield.lifecycle.version import Version
from jackfield.logs import quieten
from jackfield.plugins.registry import Registry
from jackfield.reconfiguring import Reconfigurer, Reloaded
from jackfield.running import NOT_STARTED, Running
from jackfield.stream import BUFFER, Stream
from jackfield.supply import Listed, Supply
from jackfield.work import Request, Response, Sink, Work

Source = Config | Mapping[str, Any] | str | Path | Sequence[str]


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a front process has to do: how many connections it has, has ever had or refused, and how many requests it
    has answered."""

    front: str
    open: int
    taken: int
    refused: int
    requests: int


def _no_fronts() -> Sequence[Traffic]:
    return ()


class Server:
    """Serves the models of a configuration, without any HTTP: `async with Server(config) as server`.

    `config`: a path to YAML, a mapping of the same shape, a checked `Config`, or a list of model sources. Raises
    ConfigError or PluginError at once if it is wrong. All methods are for the event loop on which it was started.

    Whoever runs the process sets `drain`, what has it drain and end, `read`, what reads the configuration anew, and
    `renewals`, what else is to be read anew then. `keys` are those that endpoints are asked with.
    """

    def __init__(self, config: Source, *, registry: Registry | None = None, clock: Clock | None = None) -> None:
        quieten()
        self.registry = registry if registry is not None else Registry.installed()
        checked = config if isinstance(config, Config) else load(config, self.registry)
        self.clock: Clock = clock if clock is not None else MonotonicClock()
        self.keys = Ring(self.clock)
        self.renewals: list[Callable[[], None]] = []
        self.drain: Callable[[], None] | None = None
        self.read: Callable[[], Config] | None = None
        if isinstance(config, str | Path):
            self.read = partial(load, config, self.registry)
        self.clients = Clients(self.clock)
        self.traffic: Callable[[], Sequence[Traffic]] = _no_fronts
        """What front processes do, if there are any."""
        self._models: dict[str, Model] = {}
        self._updater = Updater(self._models, self._make, self._settled, self.clock.now)
        self.supply = Supply(self.registry, self._models, self._updater, self.clock, checked.server.memory_budget)
        self.sleeping: Mapping[str, object] = self.supply.on_demand.sleeping
        self._reconfigurer = Reconfigurer(checked, self.registry, self.keys, self.supply, self._updater)
        self._running = Running(self._models, self.supply, self._updater, self.clients)
        self._check_running = self._running.check
        self.observers = Observers(
            [(name, self.registry.get("observer", name)(options, self)) for name, options in checked.observers.items()]
        )

    async def __aenter__(self) -> Self:
        """Start, and wait until every model is ready; raises LoadError if one fails."""
        await self.start()
        try:
            await self.loaded()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Begin to load the models, and return: `loaded` waits for them. A server starts once."""
        await self._running.start(self.config.models)

    async def loaded(self) -> None:
        """Wait until every model is ready that is not loaded on demand; raises LoadError with the first one's reason if
        any failed."""
        await self._running.loaded()

    async def stop(self, *, at_once: bool = False) -> None:
        """Refuse new requests, answer the accepted ones within `server.drain_timeout_s`, free everything.

        `at_once`: those that are not answered yet fail now, and workers that do not end by themselves are ended. That
        may be said while it stops already, and then returns before the first call does."""
        await self._running.stop(self.config.server.drain_timeout_s, at_once=at_once)

    @property
    def config(self) -> Config:
        """The configuration that it is at: as it was started with, and changed since."""
        return self._reconfigurer.config

    @property
    def models(self) -> Mapping[str, Model]:
        """All models by name; while a request is handled, those that its key may use."""
        caller = CALLER.get()
        if caller is None:
            return self._models
        return {name: model for name, model in self._models.items() if caller.may_use(name)}

    @property
    def versions(self) -> list[Version]:
        """All versions of `models`: those that can be asked for, and one of each name that comes, goes, or failed."""
        return [version for model in self.models.values() for version in model.shown]

    @property
    def started(self) -> bool:
        """Whether it runs: started, and not stopping."""
        return self._running.started

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop, and answers at most what it had accepted before."""
        return self._running.stopping

    @property
    def ready(self) -> bool:
        """Whether it runs and every model is ready that was not unloaded, and does not sleep until it is asked for."""
        return self.started and all(model.ready or not model.wanted for model in self._models.values())

    def model(self, name: str) -> Model:
        """The model by its name; raises NotFound, also if whoever asks may not use it, or Unavailable if the server was
        never started."""
        model = self._models.get(name)
        if model is not None:
            caller = CALLER.get()
            if caller is not None and not caller.may_use(name):
                model = None
        if model is None:
            if not self._running.begun:
                raise Unavailable(NOT_STARTED)
            self.observers.refused("", "not_found")
            raise NotFound(f"Request for unknown model: '{public(name)}' is not found")
        return model

    def listed(self) -> list[Listed]:
        """All versions of all models: those that are loaded, or were, and what else repositories have."""
        models = self.models
        return [row for row in self.supply.listed() if row.model in models]

    async def awake(self, model: str, timeout: float | None = None) -> None:
        """Return once the model serves, if it is one that is loaded on demand; at most `timeout` seconds, and no longer
        than its requests may take by their default. At once for all others.

        Endpoints ask `if name in server.sleeping` before they need anything of a model that only a loaded one has;
        `jackfield.web.exchange` and `streaming`, `infer` and `load` do so by themselves. Raises Unavailable if it
        cannot be loaded, or if requests are not to wait, Overloaded if too many do, and Expired."""
        if model not in self.sleeping:
            return
        self._check_running()
        found = self.model(model).config
        if timeout is None or math.isnan(timeout):  # NaN is refused later
            timeout = found.timeout_s
        try:
            await self.supply.on_demand.awake(model, None if timeout is None else min(timeout, found.max_timeout_s))
        except JackfieldError as error:
            self.observers.refused(model, "shed" if isinstance(error, Overloaded) else "unavailable")
            raise

    async def await_model(self, request: Request) -> None:
        """As `awake`, for the model of `request`, within its deadline, which is the earlier then."""
        began = self.clock.now()
        await self.awake(request.model, request.timeout)
        if request.timeout is None:
            request.timeout = self.model(request.model).config.timeout_s
        if request.timeout is not None:
            request.timeout -= self.clock.now() - began

    def submit(self, request: Request, told: Sink | None = None) -> Work:
        """Accept `request` and return its work, whose `future` gives the Response or raises what became of it. With
        `told` there is no future: `told` is called with the work and its Response or error, on the event loop, perhaps
        before this returns; it must not raise.

        Raises NotFound, InvalidRequest, Overloaded or Unavailable, and then it was not accepted. Costs no device time
        and never blocks: a model that sleeps is roused, and Unavailable is raised (`awake` waits for it).
        """
        self._check_running()
        if request.model in self.sleeping:
            self._rouse(request.model)
        model = self.model(request.model)
        work = model.choose(request).submit(request, told)
        if model.trial is not None:
            model.trial.submitted(work)
        return work

    def stream(self, request: Request, *, buffer: int = BUFFER) -> Stream:
        """Accept `request`, and return its answer as a stream of responses: `async with server.stream(request) as
        stream`.

        `buffer`: how many responses may wait for their reader before the request is cancelled. Raises as `submit`, at
        once. A model that answers in one step gives one response.
        """
        self._check_running()
        if request.model in self.sleeping:
            self._rouse(request.model)
        return self.model(request.model).choose(request).stream(request, buffer)

    def cancel(self, work: Work) -> None:
        """Withdraw work that was submitted: nobody waits for it any more."""
        work.replica.cancel(work)

    async def infer(
        self,
        model: str,
        inputs: Mapping[str, Any],
        *,
        version: str = "",
        outputs: Sequence[str] = (),
        id: str = "",
        priority: int = 0,
        timeout: float | None = None,
        parameters: Mapping[str, Any] | None = None,
        tenant: str = "",
    ) -> Response:
        """One request, from arrays (or what NumPy makes arrays of, in the signature's datatype) to arrays.

        `timeout` in seconds. Cancelling the awaiting task withdraws the request. Raises as `submit`, and Expired,
        ExecutionFailed or Unavailable for what became of it. A model that sleeps is waited for.
        """
        self._check_running()
        if model in self.sleeping:
            until = None if timeout is None else self.clock.now() + timeout
            await self.awake(model, timeout)
            timeout = None if until is None else until - self.clock.now()
        signature = self.model(model).version(version).signature
        arrays = {name: array_of(name, value, signature.by_name.get(name)) for name, value in inputs.items()}
        work = self.submit(
            Request(model, arrays, version, id, tuple(outputs), dict(parameters or {}), priority, timeout, tenant)
        )
        try:
            response: Response = await work.future
            return response
        except asyncio.CancelledError:
            self.cancel(work)
            raise

    async def reconfigure(self, model: str, changes: Mapping[str, Any], version: str = "") -> None:
        """Change batching, scheduler, queue limits, router or timeouts of one model while requests wait and run.

        `changes` has the shape of the model's section: `{"batching": {"max_batch_size": 8}, "timeout_s": 2}`. Options
        that it does not name stay; those of a plugin that is replaced begin with their defaults. All of it takes
        effect, or none. Accepted requests keep their deadlines, and run alone if they have more rows than the new
        steps; those that wait are handed to a new scheduler by their arrival. New batch sizes are not warmed up.
        Raises NotFound, Unavailable, Unsupported, or ConfigError with a line for each problem.
        """
        self._check_running()
        self.model(model)
        await self._reconfigurer.reconfigure(model, changes, version)

    async def load(
        self,
        name: str,
        config: ModelConfig | Mapping[str, Any] | None = None,
        *,
        keep: Collection[str] = (),
        main: bool = True,
    ) -> Version:
        """Load a model or a further version of one, and return when it serves and what it takes the place of is gone.

        `config` is the model's section, or a mapping of the same shape; None: the one that it had last. The version is
        loaded and warmed up beside those that there are. Then it takes all requests that name no version, and the
        others answer what they accepted and go, but for those that `keep` names. One with its own name always goes.
        Without `main` it only can be asked for by its name, and no other goes.

        Any number may be called at a time: they are done one after the other for each model. Cancelling the awaiting
        task does not end what it began. Raises ConfigError with a line for each problem, NotFound if there was no such
        section, Unavailable if the server stops meanwhile, and LoadError if the version failed: then all is as before,
        and the failed one is among `versions` with its reason.
        """
        self._check_running()
        return await self.supply.load(name, await self._reconfigurer.asked(name, config), keep, main)

    async def unload(self, name: str, version: str = "") -> None:
        """Let a version go, or all of a model: it gets no further requests, answers what it accepted within
        `update.drain_s` of its section, and frees everything. If it was the main one, the last of the others that is
        ready takes the requests that name no version. What is unloaded already stays so. Raises NotFound."""
        self._check_running()
        self.model(name)
        await self.supply.unload(name, version)

    async def reload(self, config: Config) -> Reloaded:
        """Go on with `config`: models that it adds are loaded, those that it does not have any more are unloaded, and
        those that differ in what cannot be changed while they run are rolled, all models at once. Keys are read anew,
        and `renewals` called, on another thread: what is read anew by whoever runs the server.

        Raises ConfigError, and then nothing has changed, if something is wrong with these."""
        self._check_running()
        return await self._reconfigurer.reload(config, self.models, self.renewals)

    async def reread(self) -> Reloaded:
        """Read the configuration again from where it came (`read`), on another thread, and `reload` it. Raises as that,
        ConfigError if it is wrong now, and Unsupported if it came from no file."""
        if self.read is None:
            raise Unsupported("nothing to reload: the server was started with models, not with a configuration file")
        return await self.reload(await asyncio.to_thread(self.read))

    def section(self, name: str, changes: Mapping[str, Any], before: ModelConfig | None = None) -> ModelConfig:
        """A section for the model `name` that has what `changes` say, and beside that what `before` says, or the
        defaults; for `load`. Takes a moment: for threads. Raises ConfigError with a line for each problem."""
        return self._reconfigurer.section(name, changes, before)

    def rouse(self, model: str) -> None:
        """Have a model that sleeps loaded. Raises as `awake`, at once, if there is no use in waiting for it."""
        self._check_running()
        self.model(model)  # which may be none of this caller's
        try:
            self.supply.on_demand.rouse(model)
        except Unavailable as error:
            self.observers.refused(model, "shed" if isinstance(error, Overloaded) else "unavailable")
            raise

    def _rouse(self, name: str) -> None:
        self.rouse(name)
        raise Unavailable(f"model '{name}' is not ready: it is being loaded")

    def _make(self, name: str, config: ModelConfig, statistics: Statistics | None) -> Version:
        return Version(name, config, self.registry, self.observers, self.clock, self._running.post, statistics)

    def _settled(self, name: str, config: ModelConfig) -> None:
        self._reconfigurer.settled(name, config)


__all__ = ["NOT_STARTED", "LoadError", "Reloaded", "Server", "Source", "Traffic"]
