"""What every observer keeps to."""

from __future__ import annotations

import asyncio
import inspect
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar
from unittest import mock

from jackfield.errors import Cancelled, ExecutionFailed, Expired, JackfieldError, NotFound, Overloaded
from jackfield.interfaces import Observer, Plug, Settled
from jackfield.server import Server
from jackfield.testing.making import make_request, make_work
from jackfield.testing.scripted import Fault, ScriptedExecutor
from jackfield.testing.server import Plugins, serving
from jackfield.work import State, StepReport, Work

_ENDINGS: Mapping[State, JackfieldError | None] = {
    State.COMPLETED: None,
    State.FAILED: ExecutionFailed("the model raised ValueError: {} %s \ud800 \n\x1b[31m"),
    State.CANCELLED: Cancelled("the request was cancelled"),
    State.EXPIRED: Expired("Request timeout expired"),
}
_NAMES = ("double", "a-model.of_ours", "größer", 'a"}\n{b="1', "x" * 300)

Event = tuple[str, tuple[Any, ...]]


class ObserverContract(ABC):
    """Subclass it with a name that begins with `Test`, say by `observer` what is to be tested, and run pytest.

    `longest_call`: seconds of processor time that one event may take on average.
    """

    longest_call: ClassVar[float] = 0.001

    @abstractmethod
    def observer(self, server: Server) -> Observer:
        """A new observer of `server`, made with options as the configuration would."""

    def config(self) -> Mapping[str, Any]:
        """Sections of the server's configuration that the observer needs beyond the plain ones."""
        return {}

    def plugins(self) -> Plugins:
        """What `config` names, as for `serving`."""
        return ()

    def test_every_event_is_accepted(self) -> None:
        """Work that ends in each way, reports of each kind, every reason and state; and nothing is raised."""
        self._told(_events())

    def test_any_order_is_accepted(self) -> None:
        """Ends without beginnings, events that come twice, models that nobody has heard of."""
        for seed in range(5):
            events = _events() * 2
            random.Random(seed).shuffle(events)
            self._told(events)

    def test_it_returns_at_once(self) -> None:
        """Nothing is awaited, slept or computed for long on the event loop."""
        events = _events() * 2
        before = time.thread_time()
        self._told(events)
        each = (time.thread_time() - before) / len(events)
        assert each <= self.longest_call, (
            f"an event takes {each * 1000:.2f} ms of the event loop, and {self.longest_call * 1000:g} ms are the most "
            "(`longest_call`)"
        )

    def test_what_it_is_told_of_is_not_changed(self) -> None:
        """Works and reports are the engine's own."""
        events = _events()
        before = [_state(event) for event in events]
        self._told(events)
        assert [_state(event) for event in events] == before, "the observer changed what it was told of"

    def test_a_server_with_it_serves(self) -> None:
        """Told by a real server of requests that are answered, fail, expire, are withdrawn and refused."""
        asyncio.run(self._watch_a_server())

    def _told(self, events: Sequence[Event]) -> None:
        async def tell() -> None:
            async with serving(self.config(), self.plugins()) as server:
                observer = self.observer(server)
                with mock.patch("time.sleep", _refuse_to_sleep):
                    for method, arguments in events:
                        _tell(observer, method, arguments)

        asyncio.run(tell())

    async def _watch_a_server(self) -> None:
        made: list[_Relay] = []
        relay = _relay(self.observer, made)
        config = {**self.config(), "observers": {**self.config().get("observers", {}), "relay": {}}}
        executor = ScriptedExecutor(poison={9.0: Fault.RAISE})
        async with serving(config, [*self.plugins(), relay], executor=lambda: executor) as server:
            for more in ({}, {"rows": 3}, {"value": 9.0}, {"timeout": 0.0}):
                with suppress(JackfieldError):
                    await server.submit(make_request(**more)).future
            work = server.submit(make_request())
            server.cancel(work)
            with suppress(asyncio.CancelledError, JackfieldError):
                await work.future
            with suppress(NotFound):
                server.submit(make_request(model="unknown"))
        (told,) = made
        assert {method for method, _ in told.heard} == {"accepted", "settled", "stepped", "refused", "changed"}
        assert not told.raised, f"a real server found that {told.raised[0]}"


class _Relay(Observer):
    """Passes on what it hears, and keeps what is raised: a server would only write it into its log."""

    heard: list[Event]
    raised: list[str]
    observer: Observer

    def _hear(self, method: str, *arguments: Any) -> None:
        self.heard.append((method, arguments))
        try:
            _tell(self.observer, method, arguments)
        except Exception as error:
            self.raised.append(str(error))

    def accepted(self, model: str, version: str, work: Work) -> None:
        self._hear("accepted", model, version, work)

    def settled(self, event: Settled) -> None:
        self._hear("settled", event)

    def stepped(self, model: str, version: str, report: StepReport) -> None:
        self._hear("stepped", model, version, report)

    def refused(self, model: str, reason: str) -> None:
        self._hear("refused", model, reason)

    def changed(self, model: str, version: str, state: str, reason: str) -> None:
        self._hear("changed", model, version, state, reason)


def _relay(make: Callable[[Server], Observer], made: list[_Relay]) -> type[Plug]:
    class Relay(_Relay):
        def __init__(self, options: Any, server: Server) -> None:
            super().__init__(options, server)
            self.heard, self.raised = [], []
            self.observer = make(server)
            made.append(self)

    return Relay


def _events() -> list[Event]:
    return [event for name in _NAMES for event in _of_model(name)]


def _of_model(name: str) -> Iterator[Event]:
    for state in ("loading", "warming", "ready"):
        yield "changed", (name, "1", state, "")
    for report in (
        None,
        StepReport("r/0", 3, 2, 0.1, 0.001, 0.01, 0.001, 5),
        StepReport("r/0", 0, 1, 0.1, failed=True),
    ):
        if report is not None:
            yield "stepped", (name, "1", report)
        for state, error in _ENDINGS.items():
            work = make_work(2, now=1.0, id='{"id}\n', tenant="a", trace="00-1-2-03", priority=3)
            yield "accepted", (name, "1", work)
            ended = make_work(0 if report and report.failed else 2, now=1.0)
            ended.final, ended.error, ended.report, ended.finished = state, error, report, 1.25
            yield "settled", (Settled(name, "1", ended),)
    for reason in ("shed", "invalid", "not_found", "unavailable"):
        yield "refused", (name, reason)
        yield "refused", ("", reason)
    yield "changed", (name, "1", "failed", str(Overloaded("cannot be opened:\n{}")))
    yield "changed", (name, "2", "draining", "")
    yield "changed", (name, "2", "unloaded", "")


def _tell(observer: Observer, method: str, arguments: tuple[Any, ...]) -> None:
    try:
        answer = getattr(observer, method)(*arguments)
    except Exception as error:
        raise AssertionError(f"{method} raised {type(error).__name__}: {error}") from error
    if inspect.iscoroutine(answer):
        answer.close()
    assert not inspect.isawaitable(answer), f"{method} is asynchronous, and nobody awaits it"


def _refuse_to_sleep(seconds: float) -> None:
    raise AssertionError(f"time.sleep({seconds}) was called on the event loop")


def _state(event: Event) -> tuple[object, ...]:
    found: list[object] = []
    for told in event[1]:
        thing = told.work if isinstance(told, Settled) else told
        if isinstance(thing, Work | StepReport):
            found += [getattr(thing, name) for name in thing.__slots__]
        if isinstance(thing, Work):
            found += [getattr(thing.request, name) for name in ("model", "id", "tenant", "priority", "trace")]
    return tuple(found)
