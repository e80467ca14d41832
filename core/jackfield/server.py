"""The server: models, put together from the configuration, and the way into them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import structlog

from jackfield.clients import Clients
from jackfield.clock import Clock, MonotonicClock
from jackfield.config import load
from jackfield.config.changes import changed, difference, merged
from jackfield.config.keys import Entries, read_keys
from jackfield.config.models import Config, ModelConfig
from jackfield.engine.bisect import public
from jackfield.errors import (
    ConfigError,
    InvalidRequest,
    JackfieldError,
    LoadError,
    NotFound,
    Overloaded,
    Unavailable,
    Unsupported,
)
from jackfield.keys.caller import CALLER
from jackfield.keys.ring import Ring
from jackfield.lifecycle.model import Model
from jackfield.lifecycle.observers import Observers
from jackfield.lifecycle.statistics import Statistics
from jackfield.lifecycle.updating import Updater
from jackfield.lifecycle.version import Version, first_failure
from jackfield.logs import quieten
from jackfield.plugins.registry import Registry
from jackfield.stream import BUFFER, Stream
from jackfield.supply import Listed, Supply
from jackfield.types import Array, Datatype
from jackfield.work import Request, Response, Sink, Work

log = structlog.get_logger("jackfield.server")

Source = Config | Mapping[str, Any] | str | Path | Sequence[str]
_HEARTBEAT = 0.1  # seconds between looks at hung workers and at clients that may have gone


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of a new configuration. `changed`: models that go on with it, `loaded`: those that are new, `rolled`:
    those of which another version serves now, `unloaded`: those that are gone. `restart`: paths of what else differs.
    `failed`: models that could not be changed and go on as before, with the reason."""

    changed: tuple[str, ...]
    restart: tuple[str, ...]
    failed: Mapping[str, str]
    loaded: tuple[str, ...] = ()
    rolled: tuple[str, ...] = ()
    unloaded: tuple[str, ...] = ()


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
        self.config = config if isinstance(config, Config) else load(config, self.registry)
        self.clock: Clock = clock if clock is not None else MonotonicClock()
        self.keys = Ring(self.clock)
        self.renewals: list[Callable[[], None]] = []
        self.drain: Callable[[], None] | None = None
        self.read: Callable[[], Config] | None = None
        if isinstance(config, str | Path):
            self.read = partial(load, config, self.registry)
        self._take_keys(read_keys(self.config.server.keys), self.config)
        self._models: dict[str, Model] = {}
        self.observers = Observers(
            [
                (name, self.registry.get("observer", name)(options, self))
                for name, options in self.config.observers.items()
            ]
        )
        self.clients = Clients(self.clock)
        self.traffic: Callable[[], Sequence[Traffic]] = _no_fronts
        """What front processes do, if there are any."""
        self._reloading = asyncio.Lock()
        self._updater = Updater(self._models, self._make, self._configured, self.clock.now)
        self.supply = Supply(self.registry, self._models, self._updater, self.clock, self.config.server.memory_budget)
        self.sleeping: Mapping[str, object] = self.supply.on_demand.sleeping
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loading: asyncio.Task[None] | None = None
        self._heart: asyncio.Task[None] | None = None
        self._stopping = False

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
        if self._loop is not None:
            raise ConfigError("this Server was started before: make a new one")
        self._loop = asyncio.get_running_loop()
        self._loading = asyncio.create_task(await self.supply.begin(self.config.models))
        self._heart = asyncio.create_task(self._beat())

    async def loaded(self) -> None:
        """Wait until every model is ready that is not loaded on demand; raises LoadError with the first one's reason if
        any failed."""
        if self._loading is None:
            raise Unavailable("the server was not started")
        await asyncio.shield(self._loading)
        mains = [model.main for model in self._models.values() if model.main is not None]
        failure = first_failure(mains) or self.supply.failure
        if failure is not None:
            raise failure

    async def stop(self, *, at_once: bool = False) -> None:
        """Refuse new requests, answer the accepted ones within `server.drain_timeout_s`, free everything.

        `at_once`: those that are not answered yet fail now, and workers that do not end by themselves are ended. That
        may be said while it stops already, and then returns before the first call does."""
        if self._loop is None:
            return
        if self._stopping:
            if at_once:
                await asyncio.gather(*(version.hurry() for version in self._held))
            return
        self._stopping = True
        if self._loading is not None and not self._loading.done():
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)
        await self.supply.stop()
        await self._updater.stop()
        timeout = 0 if at_once else self.config.server.drain_timeout_s
        await asyncio.gather(*(version.unload(timeout) for version in self._held))
        if self._heart is not None:
            self._heart.cancel()
            await asyncio.gather(self._heart, return_exceptions=True)

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
    def _held(self) -> list[Version]:
        """All that hold anything of the machine."""
        return [version for model in self._models.values() for version in model.all]

    @property
    def started(self) -> bool:
        """Whether it runs: started, and not stopping."""
        return self._loop is not None and not self._stopping

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop, and answers at most what it had accepted before."""
        return self._stopping

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
            if self._loop is None:
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
        arrays = {name: _array(name, value, signature.by_name.get(name)) for name, value in inputs.items()}
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
        async with self._updater.alone(model) as there:
            found = there.version(version)
            config = await asyncio.to_thread(changed, model, found.config, changes, self.registry)
            self._change(there, found, config)

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
        if config is None:
            config = self.config.models.get(name)
            if config is None:
                raise NotFound(f"model '{public(name)}' has no section in the configuration: give one")
        if not isinstance(config, ModelConfig):
            config = (await asyncio.to_thread(load, {"models": {name: config}}, self.registry)).models[name]
        return await self.supply.load(name, config, keep, main)

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
        for name in self.models:  # a reload that waits for the verdict on a trial must not keep this one waiting
            self.supply.end_trial(name, "the configuration was changed", unless=config.models.get(name))
        async with self._reloading:
            entries = await asyncio.to_thread(read_keys, config.server.keys)
            for renew in self.renewals:
                await asyncio.to_thread(renew)
            self._take_keys(entries, config)
            found = difference(self.config, config)
            failed: dict[str, str] = {}

            async def tried(name: str, call: Awaitable[object]) -> str | None:
                try:
                    await call
                except JackfieldError as error:
                    failed[name] = str(error)
                    return None
                return name

            async def all_of(calls: Mapping[str, Awaitable[object]]) -> tuple[str, ...]:
                done = await asyncio.gather(*(tried(name, call) for name, call in calls.items()))
                return tuple(name for name in done if name is not None)

            changed = await all_of({name: self._live(name, new) for name, new in found.live.items()})
            unloaded, loaded, rolled = await asyncio.gather(
                all_of({name: self._removed(name) for name in found.removed}),
                all_of({name: self._adopted(name, new) for name, new in found.added.items()}),
                all_of({name: self._adopted(name, new) for name, new in found.rolled.items()}),
            )
            return Reloaded(changed, found.restart, failed, loaded, rolled, unloaded)

    async def reread(self) -> Reloaded:
        """Read the configuration again from where it came (`read`), on another thread, and `reload` it. Raises as that,
        ConfigError if it is wrong now, and Unsupported if it came from no file."""
        if self.read is None:
            raise Unsupported("nothing to reload: the server was started with models, not with a configuration file")
        return await self.reload(await asyncio.to_thread(self.read))

    async def _adopted(self, name: str, section: ModelConfig) -> None:
        await self.supply.adopt(name, section)
        self._configured(name, section)

    async def _live(self, name: str, config: ModelConfig) -> None:
        async with self._updater.alone(name) as model:
            if model.main is None:  # unloaded by hand: it is loaded with this when somebody asks for it
                model.config = config
                self._configured(name, config)
            else:
                for version in self.supply.configured(model):
                    now = version.config
                    here = config.model_copy(update={"source": now.source, "version": now.version})
                    self._change(model, version, here)

    async def _removed(self, name: str) -> None:
        await self.supply.remove(name)
        self.config = self.config.model_copy(
            update={"models": {other: one for other, one in self.config.models.items() if other != name}}
        )

    def _take_keys(self, entries: Entries | None, config: Config) -> None:
        """Ask for these from now on. A server that had keys stays closed: being open needs a restart."""
        keys = config.server.keys
        if entries is not None and keys is not None:
            self.keys.change(entries, keys.open_health)
            settings = self.config.server.model_copy(update={"keys": keys})
            self.config = self.config.model_copy(update={"server": settings})

    def _change(self, model: Model, version: Version, config: ModelConfig) -> None:
        version.reconfigure(config)
        if version is model.main:
            model.config = config
            self._configured(model.name, config)

    def _configured(self, name: str, config: ModelConfig) -> None:
        config = self.supply.settled(name, config)
        self.config = self.config.model_copy(update={"models": {**self.config.models, name: config}})

    def section(self, name: str, changes: Mapping[str, Any], before: ModelConfig | None = None) -> ModelConfig:
        """A section for the model `name` that has what `changes` say, and beside that what `before` says, or the
        defaults; for `load`. Takes a moment: for threads. Raises ConfigError with a line for each problem."""
        if before is None:
            return load({"models": {name: changes}}, self.registry).models[name]
        return merged(name, before, changes, self.registry)

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
        return Version(name, config, self.registry, self.observers, self.clock, self._post, statistics)

    def _check_running(self) -> None:
        if self._stopping or self._loop is None:
            raise Unavailable("the server is stopping" if self._stopping else NOT_STARTED)

    def _post(self, call: Callable[[], None]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:  # the loop is closed: whoever ran it did not stop the server, and nobody waits any more
            log.warning("an answer came after the event loop was closed")

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT)
            for model in self._models.values():
                for version in [*model.all]:
                    version.look()
            self.supply.look()
            self.clients.look()


NOT_STARTED = (
    "the server was not started: run its lifespan (an app that mounts it passes `lifespan=app.lifespan`, or enters it)"
)


def _array(name: str, value: Any, spec: Any) -> Array:
    if isinstance(value, np.ndarray) and spec is not None and value.dtype == spec.datatype.numpy:
        return value
    try:
        array = np.asarray(value)
        if array.dtype.name == "bfloat16":
            return array.view(np.uint16)
        if spec is None:
            return array
        given = isinstance(value, np.ndarray)
        if spec.datatype is Datatype.BYTES:  # as objects: NumPy's own text arrays drop NULs at the end
            return _bytes(array if given else np.asarray(value, dtype=object))
        if given:
            return array  # an array of another datatype is a mistake, which the check names
        if array.size and array.dtype.kind == "f" and spec.datatype.numpy.kind in "iub":
            raise ValueError(f"expected datatype {spec.datatype}, got numbers with a fraction")
        return np.asarray(value, dtype=spec.datatype.numpy)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidRequest(f"input '{name}' is not a tensor: {error}") from error


def _bytes(array: Array) -> Array:
    out = np.empty(array.shape, dtype=object)
    flat = [item if isinstance(item, bytes) else str(item).encode() for item in array.ravel().tolist()]
    out.reshape(-1)[:] = flat
    return out


__all__ = ["NOT_STARTED", "LoadError", "Reloaded", "Server", "Source", "Traffic"]
