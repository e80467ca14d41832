"""The server: models, put together from the configuration, and the way into them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import structlog

from jackfield.clients import Clients
from jackfield.clock import Clock, MonotonicClock
from jackfield.config import load
from jackfield.config.changes import changed, difference
from jackfield.config.models import Config, ModelConfig
from jackfield.engine.bisect import public
from jackfield.errors import ConfigError, InvalidRequest, JackfieldError, LoadError, NotFound, Unavailable
from jackfield.lifecycle.model import Model
from jackfield.lifecycle.observers import Observers
from jackfield.lifecycle.version import Version, first_failure
from jackfield.logs import quieten
from jackfield.plugins.registry import Registry
from jackfield.stream import BUFFER, Stream
from jackfield.types import Array, Datatype
from jackfield.work import Request, Response, Sink, Work

log = structlog.get_logger("jackfield.server")

Source = Config | Mapping[str, Any] | str | Path | Sequence[str]
_HEARTBEAT = 0.1  # seconds between looks at hung workers and at clients that may have gone


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of a new configuration. `changed`: models that go on with it. `restart`: paths of what else differs.
    `failed`: models that could not be changed and go on as before, with the reason."""

    changed: tuple[str, ...]
    restart: tuple[str, ...]
    failed: Mapping[str, str]


class Server:
    """Serves the models of a configuration, without any HTTP: `async with Server(config) as server`.

    `config`: a path to YAML, a mapping of the same shape, a checked `Config`, or a list of model sources. Raises
    ConfigError or PluginError at once if it is wrong. All methods are for the event loop on which it was started.
    """

    def __init__(self, config: Source, *, registry: Registry | None = None, clock: Clock | None = None) -> None:
        quieten()
        self.registry = registry if registry is not None else Registry.installed()
        self.config = config if isinstance(config, Config) else load(config, self.registry)
        self.clock: Clock = clock if clock is not None else MonotonicClock()
        self.models: dict[str, Model] = {}
        self.observers = Observers(
            [
                (name, self.registry.get("observer", name)(options, self))
                for name, options in self.config.observers.items()
            ]
        )
        self.clients = Clients(self.clock)
        self._changing = asyncio.Lock()
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
        for name, config in self.config.models.items():
            version = Version(name, config, self.registry, self.observers, self.clock, self._post)
            self.models[name] = Model(name, {version.name: version}, version.name)
        self._loading = asyncio.create_task(self._load())
        self._heart = asyncio.create_task(self._beat())

    async def loaded(self) -> None:
        """Wait until every model is ready; raises LoadError with the first one's reason if any failed."""
        if self._loading is None:
            raise Unavailable("the server was not started")
        await asyncio.shield(self._loading)
        failure = first_failure(self.versions)
        if failure is not None:
            raise failure

    async def stop(self) -> None:
        """Refuse new requests, answer the accepted ones within `server.drain_timeout_s`, free everything."""
        if self._stopping or self._loop is None:
            return
        self._stopping = True
        if self._loading is not None and not self._loading.done():
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)
        await asyncio.gather(*(version.unload(self.config.server.drain_timeout_s) for version in self.versions))
        if self._heart is not None:
            self._heart.cancel()
            await asyncio.gather(self._heart, return_exceptions=True)

    @property
    def versions(self) -> list[Version]:
        """All versions of all models."""
        return [version for model in self.models.values() for version in model.versions.values()]

    @property
    def started(self) -> bool:
        """Whether it runs: started, and not stopping."""
        return self._loop is not None and not self._stopping

    @property
    def ready(self) -> bool:
        """Whether it runs and every model is ready."""
        return self.started and all(model.ready for model in self.models.values())

    def model(self, name: str) -> Model:
        """The model by its name; raises NotFound, or Unavailable if the server was never started."""
        model = self.models.get(name)
        if model is None:
            if self._loop is None:
                raise Unavailable(NOT_STARTED)
            self.observers.refused("", "not_found")
            raise NotFound(f"Request for unknown model: '{public(name)}' is not found")
        return model

    def submit(self, request: Request, told: Sink | None = None) -> Work:
        """Accept `request` and return its work, whose `future` gives the Response or raises what became of it. With
        `told` there is no future: `told` is called with the work and its Response or error, on the event loop, perhaps
        before this returns; it must not raise.

        Raises NotFound, InvalidRequest, Overloaded or Unavailable, and then it was not accepted. Costs no device time
        and never blocks.
        """
        self._check_running()
        return self.model(request.model).version(request.version).submit(request, told)

    def stream(self, request: Request, *, buffer: int = BUFFER) -> Stream:
        """Accept `request`, and return its answer as a stream of responses: `async with server.stream(request) as
        stream`.

        `buffer`: how many responses may wait for their reader before the request is cancelled. Raises as `submit`, at
        once. A model that answers in one step gives one response.
        """
        self._check_running()
        return self.model(request.model).version(request.version).stream(request, buffer)

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
        ExecutionFailed or Unavailable for what became of it.
        """
        self._check_running()
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
        async with self._changing:
            found = self.model(model).version(version)
            config = await asyncio.to_thread(changed, model, found.config, changes, self.registry)
            self._change(found, config)

    async def reload(self, config: Config) -> Reloaded:
        """Go on with `config` as far as that can be done while running, one model after the other."""
        self._check_running()
        async with self._changing:
            found = difference(self.config, config)
            done, failed = list[str](), dict[str, str]()
            for name, new in found.live.items():
                try:
                    self._change(self.model(name).version(self.config.models[name].version), new)
                    done.append(name)
                except JackfieldError as error:
                    failed[name] = str(error)
                await asyncio.sleep(0)  # the requests' turn
            return Reloaded(tuple(done), found.restart, failed)

    def _change(self, version: Version, config: ModelConfig) -> None:
        version.reconfigure(config)
        self.config = self.config.model_copy(update={"models": {**self.config.models, version.model: config}})

    def _check_running(self) -> None:
        if self._stopping or self._loop is None:
            raise Unavailable("the server is stopping" if self._stopping else NOT_STARTED)

    def _post(self, call: Callable[[], None]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:  # the loop is closed: whoever ran it did not stop the server, and nobody waits any more
            log.warning("an answer came after the event loop was closed")

    async def _load(self) -> None:
        await asyncio.gather(*(version.load() for version in self.versions))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT)
            for version in self.versions:
                version.look()
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


__all__ = ["NOT_STARTED", "LoadError", "Reloaded", "Server", "Source"]
