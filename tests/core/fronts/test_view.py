"""What fronts are told where there are keys, and what becomes of requests that are withdrawn before they began."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec

from jackfield.asgi import App
from jackfield.clock import MonotonicClock
from jackfield.config import load
from jackfield.fronts import messages as say
from jackfield.fronts.desk import Desk
from jackfield.fronts.page import Page
from jackfield.fronts.relayed import Relayed
from jackfield.fronts.showing import Showing
from jackfield.fronts.standin import FrontServer
from jackfield.fronts.view import Views
from jackfield.interfaces.endpoint import Receive, Scope, Send
from jackfield.keys.caller import CALLER
from jackfield.keys.entries import KeyConfig
from jackfield.keys.hashing import hashed, new_key
from jackfield.server import Server
from jackfield.testing import ScriptedExecutor, make_request
from jackfield.testing.server import registry_for
from jackfield.transport import Arena, Link, packed
from tests.core.lifecycle.fakes import entered, in_loop, until

_decoder = msgspec.msgpack.Decoder(say.ToFront)
_encoder = msgspec.msgpack.Encoder()


class Said:
    """Stands in for a link, and keeps what goes over it."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self.waiting = 0

    def send(self, body: bytes) -> None:
        """Keep it."""
        self.all.append(_decoder.decode(body))

    def free(self, offset: int) -> None:
        """Small tensors have no memory to give back."""


@asynccontextmanager
async def told(executor: ScriptedExecutor | None = None) -> AsyncIterator[tuple[Server, Views, list[Any]]]:
    """A server with two models, its views, and what these tell."""
    config = {"models": {name: {"source": "scripted:double", "warm_up": "off"} for name in ("double", "other")}}
    registry = registry_for(executor=ScriptedExecutor if executor is None else lambda: executor)
    page, said = Page(), list[Any]()
    async with Server({**config, "endpoints": {}, "observers": {}}, registry=registry) as server:
        yield server, Views(server, page, lambda body: said.append(_decoder.decode(body))), said
    page.close()


@in_loop
async def test_where_there_are_keys_fronts_are_told_of_no_model_whoever_asks() -> None:
    async with told() as (server, views, said):
        views.look()
        view = next(one for one in said if isinstance(one, say.View))
        assert ([model.name for model in view.models], view.whole, view.closed) == (["double", "other"], True, False)
        key = new_key()
        entry = KeyConfig.model_validate({"hash": hashed(key), "models": ["double"]})
        server.keys.change({"alice": entry}, False)
        said.clear()
        views.look()
        assert said == [say.View([], False, True)]
        token = CALLER.set(server.keys.find(key.encode()))
        assert list(server.models) == ["double"]
        views.look()
        CALLER.reset(token)
        views.look()
        assert len(said) == 1
        assert views.all() == [_encoder.encode(said[0])]


@in_loop
async def test_a_front_keeps_no_portrait_that_its_view_does_not_name() -> None:
    registry = registry_for()
    config = load({"models": {}, "endpoints": {}, "observers": {}}, registry)
    page = Page()
    showing = Showing(FrontServer(config, registry, MonotonicClock(), cast(Link, Said()), page), registry)
    for number in range(1, 4):
        showing.portrait(say.Portrait(number, "nowhere", None))
        showing.view(say.View([], False, True))
    await asyncio.sleep(0)
    assert showing._portraits == {}
    await showing.close()
    page.close()


@in_loop
async def test_a_stream_that_is_withdrawn_before_it_is_read_is_cancelled() -> None:
    executor = ScriptedExecutor()
    async with told(executor) as (server, views, _):
        executor.entered = threading.Semaphore(0)
        executor.gate.clear()
        held = server.submit(make_request())
        await entered(executor)
        arena, said = Arena(1 << 20), Said()
        desk = Desk(server, App(server), views, arena, arena.memory, _nothing, _ignored)
        desk.open(cast(Link, said))
        asked = make_request()
        for number in range(2):
            submit = say.Submit(
                number, asked.model, packed(asked.inputs, arena), "", "", (), {}, 0, None, "", "", True, 0.0
            )
            desk.take(_encoder.encode(submit))
            if number == 0:
                desk.take(_encoder.encode(say.Withdraw(number)))
        desk.close()  # the other has not begun either
        counts = server.models["double"].version().statistics
        await until(lambda: counts.cancelled == 2 and not desk._streams)
        executor.gate.set()
        await held.future
        arena.close()


@in_loop
async def test_a_relayed_request_that_is_withdrawn_before_it_began_is_over() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("nobody waits for it")

    said = Said()
    relayed = Relayed(app, cast(Link, said), _nothing)
    relayed.begin(say.Relay(7, "1.1", "GET", "/", b"/", b"", [], None, None, "http"))
    relayed.withdraw(7)
    await until(lambda: said.all)
    assert said.all == [say.Over(7, True)]
    assert not relayed._running


def _nothing() -> None:
    """Nobody waits for it."""


def _ignored(error: Exception) -> None:
    """Nobody waits for it."""
