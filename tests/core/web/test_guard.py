"""The one place before all endpoints, with an endpoint that knows nothing of keys; both ways in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from jackfield.asgi import App
from jackfield.errors import JackfieldError, NotFound
from jackfield.interfaces import Endpoint, Route
from jackfield.interfaces.endpoint import Answer as Answering
from jackfield.interfaces.endpoint import Receive, Scope, Send, Shortcut, Withdraw
from jackfield.keys.entries import KeyConfig
from jackfield.keys.hashing import hashed, new_key
from jackfield.server import Server
from jackfield.testing import VirtualClock, make_request
from jackfield.testing.calling import Answer, call
from jackfield.testing.server import registry_for
from jackfield.web import send_json
from tests.core.lifecycle.fakes import in_loop

KEY = new_key()
MODELS = {"double": {"source": "scripted:double"}, "other": {"source": "scripted:double"}}
HIDDEN = {"authorization": f"Bearer {KEY}"}


class Foreign(Endpoint):
    """Speaks a protocol of its own, as somebody wrote it before there were keys: says which models there are, and
    submits a request whose tenant is what the client says."""

    seen: Any = None
    held: Answering | None = None
    taken = 0

    def routes(self) -> Sequence[Route]:
        guarded = [Route("/ops", self._app, right="admin"), Route("/measured", self._app, right="metrics")]
        return [Route("/foreign", self._app, self._find), *guarded]

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        if scope["path"] in ("/foreign/list", "/measured"):
            names = [version.model for version in self.server.versions]
            await send_json(send, 200, {"all": [*self.server.models], "versions": names})
            return
        model = headers.get(b"model", b"double").decode()
        try:
            work = self.server.submit(make_request(3, model=model, tenant=headers.get(b"tenant", b"").decode()))
        except JackfieldError as error:
            await send_json(send, 404 if isinstance(error, NotFound) else 503, {"error": str(error)})
            return
        Foreign.seen = work
        await work.future
        await send_json(send, 200, {"tenant": work.request.tenant, "weight": work.request.weight})

    def _find(self, method: str, path: str, headers: Mapping[bytes, bytes]) -> Shortcut | None:
        return self._take if path == "/foreign/quick" else None

    def _take(self, body: bytes, answer: Answering) -> Withdraw | None:
        if body == b"long":
            return None
        Foreign.taken += 1
        if body == b"hold":
            Foreign.held = answer
        else:
            answer(200, [], ",".join(self.server.models).encode())
        return _nothing


def _nothing() -> None:
    """There is nothing to withdraw."""


def app_of(clock: VirtualClock | None = None, **entry: Any) -> App:
    config = {"models": MODELS, "endpoints": {"foreign": {}}, "observers": {}}
    app = App(Server(config, registry=registry_for([Foreign]), clock=clock))
    if entry:
        change(app, alice=entry)
    return app


def change(app: App, open_health: bool = False, **entries: Any) -> None:
    keys = {name: KeyConfig.model_validate({"hash": hashed(KEY), **entry}) for name, entry in entries.items()}
    app.server.keys.change(keys, open_health)


async def ask(app: App, path: str = "/foreign", method: str = "POST", **headers: str) -> Answer:
    return await call(app, method, path, headers=headers)


class Short:
    """Requests with one head on the shortcut. `said`: what they were answered."""

    def __init__(self, app: App, **headers: str) -> None:
        given = {name.encode(): value.encode() for name, value in headers.items()}
        self.known = app.shortcut("POST", "/foreign/quick", given)
        self.said: list[bytes] = []

    def send(self, body: bytes = b"") -> Withdraw | None:
        assert self.known is not None
        return self.known(body, lambda status, headers, body: self.said.append(body))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE", "BREW"])
@pytest.mark.parametrize("path", ["/foreign", "/foreign/list", "//foreign", "/foreign/", "/nothing", "/", "/ops", ""])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"authorization": f"Bearer {KEY}x"},
        {"authorization": f"Basic {KEY}"},
        {"authorization": KEY},
        {"x-key": KEY},
    ],
)
def test_without_the_key_nothing_is_served(method: str, path: str, given: dict[str, str]) -> None:
    async def check() -> None:
        app = app_of(rights=["admin"])
        answer = await call(app, method, path, headers={"host": "localhost/v2/health/live", **given})
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert KEY.encode() not in answer.body
        assert (answer.body == b"") == (method == "HEAD")

    asyncio.run(check())


@in_loop
async def test_two_keys_are_none() -> None:
    app, sent = app_of(models=["*"]), list[Any]()

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", b"Bearer " + KEY.encode())] * 2
    scope = {"type": "http", "method": "GET", "path": "/foreign/list", "headers": headers, "root_path": ""}
    await app(scope, asyncio.Event().wait, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 401


@in_loop
async def test_without_keys_all_is_open_but_what_wants_the_right_admin() -> None:
    app = app_of()
    assert (await ask(app, "/foreign/list")).status == 200
    assert (await ask(app, "/nothing")).status == 404
    assert (await ask(app, "/ops")).status == 403
    assert (await ask(app, "/ops", **HIDDEN)).status == 403


@in_loop
async def test_a_key_needs_its_rights() -> None:
    app = app_of(rights=["metrics"])
    answer = await ask(app, "/ops", **HIDDEN)
    assert (answer.status, b"'alice' has not been given the right 'admin'" in answer.body) == (403, True)
    assert "www-authenticate" not in answer.headers
    change(app, alice={"rights": ["admin"]})
    async with app.lifespan():
        assert (await ask(app, "/ops", **HIDDEN)).status == 200


@in_loop
async def test_a_foreign_endpoint_serves_only_what_the_key_may_use_in_the_name_of_its_tenant() -> None:
    app = app_of(models=["dou*"], tenant="sales", weight=4)
    async with app.lifespan():
        listed = await ask(app, "/foreign/list", **HIDDEN)
        assert listed.body == b'{"all":["double"],"versions":["double"]}'
        answer = await ask(app, **HIDDEN, tenant="somebody else")
        assert answer.body == b'{"tenant":"sales","weight":4.0}'
        other, none = await ask(app, **HIDDEN, model="other"), await ask(app, **HIDDEN, model="none")
        assert (other.status, none.status) == (404, 404)
        assert other.body == none.body.replace(b"none", b"other")
        assert [version.model for version in app.server.versions] == ["double", "other"]


@in_loop
async def test_what_is_measured_is_about_all_models_whichever_the_key_may_use() -> None:
    app = app_of(rights=["metrics"], models=[])
    async with app.lifespan():
        answer = await ask(app, "/measured", **HIDDEN)
        assert answer.body == b'{"all":["double","other"],"versions":["double","other"]}'
        assert (await ask(app, "/foreign/list", **HIDDEN)).body == b'{"all":[],"versions":[]}'


@in_loop
async def test_rows_are_charged_and_come_back_with_time() -> None:
    clock = VirtualClock()
    app = app_of(clock, quota={"rows_per_minute": 4})
    async with app.lifespan():
        assert [(await ask(app, **HIDDEN)).status for _ in range(3)] == [200, 200, 503]
        assert app.server.model("double").version().statistics.refused == {"quota": 1}
        clock.advance(20)
        assert (await ask(app, **HIDDEN)).status == 503
        clock.advance(15)
        assert (await ask(app, **HIDDEN)).status == 200


@in_loop
async def test_requests_are_counted_on_every_path() -> None:
    clock = VirtualClock()
    app = app_of(clock, quota={"requests_per_s": 2, "burst": 2})
    assert (await ask(app, "/nothing", **HIDDEN)).status == 404
    assert (await ask(app, "/foreign/list", **HIDDEN)).status == 200
    refused = await ask(app, "/nothing", **HIDDEN)
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    clock.advance(0.5)
    assert (await ask(app, "/foreign/list", **HIDDEN)).status == 200


@in_loop
async def test_a_caller_is_left_when_its_request_is_over_however_it_ends() -> None:
    app = app_of(quota={"concurrent": 1})
    caller = app.server.keys.find(KEY.encode())
    assert caller is not None
    for _ in range(3):
        assert (await ask(app, "/foreign/list", **HIDDEN)).status == 200
    with pytest.raises(RuntimeError):
        await call(Broken(app), "POST", "/foreign/list", headers=HIDDEN)
    assert caller.under_way == 0


class Broken:
    """A host whose `send` fails."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def fail(message: Any) -> None:
            raise RuntimeError("gone")

        await self._app(scope, receive, fail)


def test_the_shortcut_sees_the_same_models() -> None:
    app = app_of(models=["other"])
    app.server._models = {"double": None, "other": None}  # type: ignore[dict-item]
    short = Short(app, **HIDDEN)
    assert short.send() is not None
    assert short.said == [b"other"]


@pytest.mark.parametrize("given", [{}, {"authorization": f"Bearer {KEY}x"}, {"authorization": KEY}])
def test_there_is_no_shortcut_without_the_key(given: dict[str, str]) -> None:
    assert Short(app_of(models=["*"]), **given).known is None


def test_a_shortcut_ends_with_the_keys_under_which_it_was_learned() -> None:
    app = app_of()
    short = Short(app)
    assert short.send() is not None
    change(app, alice={})
    Foreign.taken = 0
    assert short.send() is None
    keyed = Short(app, **HIDDEN)
    assert keyed.send() is not None
    change(app, alice={"models": []})
    assert keyed.send() is None
    change(app, alice={"hash": hashed(new_key())})
    assert keyed.send() is None
    assert Foreign.taken == 1


def test_a_shortcut_counts_as_the_long_way_does() -> None:
    clock = VirtualClock()
    app = app_of(clock, quota={"requests_per_s": 2, "burst": 2})
    short = Short(app, **HIDDEN)
    assert short.send(b"long") is None  # not taken: the long way counts it
    assert [short.send() is not None for _ in range(3)] == [True, True, False]
    clock.advance(0.5)
    assert [short.send() is not None for _ in range(2)] == [True, False]
    assert len(short.said) == 3


def test_a_shortcut_is_under_way_until_it_is_answered_or_withdrawn() -> None:
    app = app_of(quota={"concurrent": 1})
    caller = app.server.keys.find(KEY.encode())
    assert caller is not None
    short = Short(app, **HIDDEN)
    assert short.send(b"hold") is not None
    assert (short.send(), caller.under_way) == (None, 1)
    assert Foreign.held is not None
    Foreign.held(200, [], b"late")
    Foreign.held(200, [], b"twice")
    assert caller.under_way == 0
    withdraw = short.send(b"hold")
    assert withdraw is not None
    withdraw()
    withdraw()
    Foreign.held(200, [], b"to nobody")
    assert caller.under_way == 0
    assert short.send() is not None


@in_loop
async def test_websockets_are_refused() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    app = app_of(models=["*"])
    await app({"type": "websocket", "path": "/foreign", "headers": []}, asyncio.Event().wait, send)  # type: ignore[arg-type]
    assert [message["type"] for message in sent] == ["websocket.close"]
