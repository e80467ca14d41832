"""What every endpoint keeps to."""

from __future__ import annotations

import asyncio
import random
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from jackfield.interfaces import Endpoint, Route
from jackfield.interfaces.endpoint import ASGIApp
from jackfield.server import Server
from jackfield.testing.calling import Answer, call
from jackfield.testing.scripted import ScriptedExecutor
from jackfield.testing.server import Plugins, registry_for, serving

_MOST = 4096
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW")


@dataclass(frozen=True, slots=True)
class Example:
    """A request that the endpoint answers with a status below 300, while the model `double` (`y = 2x + 1`) is ready."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class EndpointContract(ABC):
    """Subclass it with a name that begins with `Test`, say by `endpoint` what is to be tested, and run pytest.

    The server that it is given has one model, `double`: input `x` and output `y`, FP32, two axes, `y = 2x + 1`.
    `patience`: real seconds after which an answer counts as none.
    """

    patience: ClassVar[float] = 10.0

    @abstractmethod
    def endpoint(self, server: Server) -> Endpoint:
        """A new endpoint of `server`, made with options as the configuration would."""

    @abstractmethod
    def examples(self) -> Sequence[Example]:
        """Requests that are right, at least one of each kind."""

    def config(self) -> Mapping[str, Any]:
        """Sections of the server's configuration that the endpoint needs beyond the plain ones."""
        return {}

    def plugins(self) -> Plugins:
        """What `config` names, as for `serving`."""
        return ()

    def test_routes_are_well_formed_and_disjoint(self) -> None:
        """Each prefix is a path of its own, and each app is one."""

        async def check(server: Server) -> None:
            routes = self.endpoint(server).routes()
            assert routes, "there are no routes"
            for route in routes:
                prefix = route.prefix
                assert prefix.startswith("/"), f"prefix '{prefix}' must be a path such as /name"
                assert prefix.strip("/"), f"prefix '{prefix}' would take all paths"
                assert not re.search(r"//|[\s?#%]", prefix), f"prefix '{prefix}' is not a plain path"
                assert callable(route.app), f"the app of '{prefix}' is not callable"
            prefixes = [route.prefix.rstrip("/") for route in routes]
            assert len(set(prefixes)) == len(prefixes), f"two routes claim one prefix: {', '.join(prefixes)}"

        self._run(check)

    def test_the_examples_are_answered(self) -> None:
        """While everything is ready."""
        self._each(lambda one: call(one.app, one.method, one.path, one.body, one.headers), most=299)

    def test_other_paths_are_not_found(self) -> None:
        """Below a prefix, what is no route is a 404, whatever it looks like."""

        async def check(server: Server) -> None:
            for route in self.endpoint(server).routes():
                prefix = "/" + route.prefix.strip("/")
                for rest in (
                    "/no-such-path-here",
                    "/" + "x" * 5000,
                    "/%00/..",
                    "/\u00fc/\ud800",
                    "/a//b",
                    "/a\r\nb: c",
                ):
                    answer = await _asked(route.app, "GET", prefix + rest, patience=self.patience)
                    assert answer.status == 404, f"GET {prefix + rest[:40]!a} is answered with {answer.status}, not 404"

        self._run(check)

    def test_other_methods_are_not_allowed(self) -> None:
        """A route that exists answers a method that it does not have with 405 and the ones that it has."""

        async def check(server: Server) -> None:
            for example in self._bound(server):
                own = {one.method for one in self.examples() if one.path == example.path}
                for method in set(_METHODS) - own:
                    answer = await _asked(example.app, method, example.path, patience=self.patience)
                    what = f"{method} {example.path} is answered with {answer.status}"
                    assert answer.status < 500, what
                    if method == "BREW":
                        assert answer.status == 405, f"{what}, not 405"
                    if answer.status == 405:
                        allowed = {name.strip() for name in answer.headers.get("allow", "").split(",")}
                        assert own <= allowed, f"{what}, with `allow: {answer.headers.get('allow', '')}`"
                        assert method not in allowed, f"{what}, and is said to be allowed"

        self._run(check)

    def test_bodies_that_are_too_large_are_refused(self) -> None:
        """By what they say of their length, and by what comes of them: without reading on for long."""

        async def check(server: Server) -> None:
            for one in self._bound(server):
                if not one.body:
                    continue
                declared = {**one.headers, "content-length": str(_MOST + 1)}
                answer = await _asked(one.app, one.method, one.path, one.body, declared, patience=self.patience)
                assert answer.status == 413, (
                    f"a body that says it is too large is answered with {answer.status}, not 413"
                )
                assert answer.received == 0, "a body that says it is too large is read all the same"
                chunks = [b" " * 1024] * 1000
                answer = await _asked(
                    one.app, one.method, one.path, headers=one.headers, chunks=chunks, patience=self.patience
                )
                assert answer.status == 413, f"a body without end is answered with {answer.status}, not 413"
                assert answer.received <= 20, f"{answer.received} KiB are read of a body of which {_MOST // 1024} fit"

        self._run(check)

    def test_clients_that_go_cost_nothing(self) -> None:
        """Gone before the body was whole: nothing is raised, and nothing is left in the server."""

        async def check(server: Server) -> None:
            for one in self._bound(server):
                for body in (one.body, b""):
                    await _asked(one.app, one.method, one.path, body, one.headers, gone=True, patience=self.patience)
            _all_is_over(server)

        self._run(check)

    def test_clients_that_go_while_they_wait_cost_nothing(self) -> None:
        """Gone while the model works on it: the request is withdrawn."""
        executor = ScriptedExecutor()

        async def check(server: Server) -> None:
            for one in self._bound(server):
                executor.gate.clear()
                try:
                    going = _going(one.app)
                    await _asked(going, one.method, one.path, one.body, one.headers, patience=self.patience)
                    _all_is_over(server)
                finally:
                    executor.gate.set()

        self._run(check, executor=lambda: executor)

    def test_nonsense_is_the_clients_fault(self) -> None:
        """Bodies and headers of any bytes are answered with a status below 500."""

        async def check(server: Server) -> None:
            draw = random.Random(3)
            for one in self._bound(server):
                for _ in range(30):
                    body = _spoilt(one.body, draw)
                    headers = {**one.headers, draw.choice(_HEADERS): draw.choice(_VALUES)}
                    answer = await _asked(one.app, one.method, one.path, body, headers, patience=self.patience)
                    assert answer.status < 500, (
                        f"{one.method} {one.path} with a spoilt body or header is answered with {answer.status}: "
                        f"{body[:80]!r}, {headers}"
                    )

        self._run(check)

    def test_a_server_that_is_not_ready_is_no_fault(self) -> None:
        """Not started, with a model that failed to load, and stopped: every example has an answer, none of them 500."""

        async def check() -> None:
            registry = registry_for(self.plugins())
            models = {"double": {"source": "scripted:broken"}}
            server = Server({"models": models, **self._config()}, registry=registry)
            await self._answered(server)
            await server.start()
            await self._answered(server)
            await asyncio.gather(server.loaded(), return_exceptions=True)
            await self._answered(server)
            await server.stop()
            await self._answered(server)

        asyncio.run(check())

    def _config(self) -> dict[str, Any]:
        own = {"endpoints": {}, "observers": {}, **self.config()}
        limits = {"max_body_bytes": _MOST, **own.get("server", {}).get("limits", {})}
        return {**own, "server": {**own.get("server", {}), "limits": limits}}

    def _bound(self, server: Server) -> list[_Bound]:
        routes = self.endpoint(server).routes()
        return [_Bound(_app(routes, one.path), one.method, one.path, one.body, one.headers) for one in self.examples()]

    async def _answered(self, server: Server) -> None:
        for one in self._bound(server):
            answer = await _asked(one.app, one.method, one.path, one.body, one.headers, patience=self.patience)
            assert answer.status not in (0, 500), (
                f"{one.method} {one.path} is answered with {answer.status} by a server that is not ready"
            )

    def _each(self, ask: Callable[[_Bound], Coroutine[Any, Any, Answer]], most: int) -> None:
        async def check(server: Server) -> None:
            for one in self._bound(server):
                answer = await ask(one)
                assert 200 <= answer.status <= most, (
                    f"{one.method} {one.path} is answered with {answer.status}: {answer.body[:200]!r}"
                )

        self._run(check)

    def _run(
        self,
        check: Callable[[Server], Coroutine[Any, Any, None]],
        executor: Callable[[], ScriptedExecutor] = ScriptedExecutor,
    ) -> None:
        async def run() -> None:
            async with self._served(executor) as server:
                await check(server)

        asyncio.run(run())

    @asynccontextmanager
    async def _served(self, executor: Callable[[], ScriptedExecutor]) -> AsyncIterator[Server]:
        models = {"double": {"source": "scripted:double", "warm_up": "off"}}
        config = {"models": models, **self._config()}
        async with serving(config, self.plugins(), executor=executor) as server:
            yield server


@dataclass(frozen=True, slots=True)
class _Bound:
    """An example with the app that it goes to."""

    app: ASGIApp
    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]


_HEADERS = ("content-type", "content-length", "content-encoding", "accept", "accept-encoding", "x-request-id")
_VALUES = ("", "\xff\xfe", "x" * 2000, "-1", "gzip", "*/*;q=zero", "application/octet-stream", "\x00")


def _app(routes: Sequence[Route], path: str) -> ASGIApp:
    for route in sorted(routes, key=lambda one: -len(one.prefix)):
        prefix = "/" + route.prefix.strip("/")
        if path == prefix or path.startswith(f"{prefix}/"):
            return route.app
    raise AssertionError(f"no route takes the example's path '{path}'")


async def _asked(app: ASGIApp, method: str, path: str, body: bytes = b"", *args: Any, **more: Any) -> Answer:
    """As `call`, but what is raised is the endpoint's fault."""
    try:
        return await call(app, method, path, body, *args, **more)
    except (AssertionError, TimeoutError) as error:
        what = str(error) or "there is no answer in time"
        raise AssertionError(f"{method} {path[:60]!a}: {what}") from error
    except Exception as error:
        raise AssertionError(f"{method} {path[:60]!a} raised {type(error).__name__}: {error}") from error


def _going(app: ASGIApp) -> ASGIApp:
    """`app` with clients that send their request and go."""

    async def asked(scope: Any, receive: Any, send: Any) -> None:
        whole = False

        async def part() -> Any:
            nonlocal whole
            if whole:
                return {"type": "http.disconnect"}
            message = await receive()
            whole = not message.get("more_body", False)
            return message

        await app(scope, part, send)

    return asked


def _spoilt(body: bytes, draw: random.Random) -> bytes:
    spoilt = bytearray(body)
    match draw.randrange(4):
        case 0:
            return draw.randbytes(draw.randrange(200))
        case 1:
            return bytes(spoilt[: draw.randrange(len(spoilt) + 1)])
        case 2:
            return draw.choice((b"[]", b"{}", b"null", b'{"a":' * 500, b"1e999", b'"\xff"', b"\x00" * 64))
    for _ in range(3):
        if spoilt:
            spoilt[draw.randrange(len(spoilt))] = draw.randrange(256)
    return bytes(spoilt)


def _all_is_over(server: Server) -> None:
    left = sum(version.statistics.outstanding for version in server.versions)
    assert not left, f"{left} requests of clients that have gone are still in the server"
