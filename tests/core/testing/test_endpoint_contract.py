"""The contract of endpoints catches what an endpoint can get wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from jackfield.errors import Cancelled, InvalidRequest, JackfieldError, NotFound, TooLarge, Unavailable
from jackfield.interfaces import Endpoint, Route
from jackfield.options import Options
from jackfield.server import Server
from jackfield.testing import EndpointContract, Example
from jackfield.web import Receive, Scope, Send, exchange, read_body, send_bytes, send_json
from jackfield.work import Request
from tests.core.testing.breaking import assert_breaks, broken

_STATUSES: list[tuple[type[JackfieldError], int]] = [
    (TooLarge, 413),
    (InvalidRequest, 400),
    (NotFound, 404),
    (Unavailable, 503),
    (JackfieldError, 422),
]


class Good(Endpoint):
    """Doubles numbers at `/double`."""

    def routes(self) -> Sequence[Route]:
        return [Route("/double", self.answer)]

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/double":
            await self.unknown(send)
        elif scope["method"] != "POST":
            await self.not_allowed(send)
        else:
            await self.infer(scope, receive, send)

    async def unknown(self, send: Send) -> None:
        await send_json(send, 404, {"error": "there is nothing at this path"})

    async def not_allowed(self, send: Send) -> None:
        await send_json(send, 405, {"error": "this path takes POST only"}, [(b"allow", b"POST")])

    async def infer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            request = self.decode(await self.read(scope, receive))
            _, response = await exchange(self.server, request, receive)
        except Cancelled:
            return
        except JackfieldError as error:
            status = next(status for cls, status in _STATUSES if isinstance(error, cls))
            await send_json(send, status, {"error": str(error)})
        else:
            await self.reply(send, response.outputs["y"])

    async def read(self, scope: Scope, receive: Receive) -> bytes:
        return await read_body(scope, receive, self.server.config.server.limits)

    async def reply(self, send: Send, y: Any) -> None:
        await send_json(send, 200, y)

    def decode(self, body: bytes) -> Request:
        import numpy as np

        try:
            return Request("double", {"x": np.array(orjson.loads(body), np.float32)})
        except (ValueError, TypeError) as error:
            raise InvalidRequest("the body must be rows of numbers") from error


class Raises(Good):
    """Lets out what the server raises."""

    async def infer(self, scope: Scope, receive: Receive, send: Send) -> None:
        _, response = await exchange(self.server, self.decode(await self.read(scope, receive)), receive)
        await self.reply(send, response.outputs["y"])


class Careless(Good):
    """Believes what it is sent."""

    def decode(self, body: bytes) -> Request:
        import numpy as np

        return Request("double", {"x": np.array(orjson.loads(body), np.float32)})


class Hides(Good):
    """Answers any fault with 500."""

    async def infer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            request = self.decode(await self.read(scope, receive))
            _, response = await exchange(self.server, request, receive)
        except Cancelled:
            return
        except JackfieldError as error:
            await send_json(send, 413 if isinstance(error, TooLarge) else 500, {"error": str(error)})
        else:
            await self.reply(send, response.outputs["y"])


class TakesAnything(Good):
    """Has no limit."""

    async def read(self, scope: Scope, receive: Receive) -> bytes:
        body: bytes = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Cancelled("gone")
            body += message.get("body", b"")
            if not message.get("more_body", False):
                return body


class WaitsForEver(Good):
    """Does not see clients go."""

    async def read(self, scope: Scope, receive: Receive) -> bytes:
        body: bytes = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if message["type"] == "http.request" and not message.get("more_body", False):
                return body
            await asyncio.sleep(0)


class LeavesWork(Good):
    """Starts with a part, and leaves it behind when the client goes."""

    async def infer(self, scope: Scope, receive: Receive, send: Send) -> None:
        import numpy as np

        x = np.ones((1, 2), np.float32)
        if self.server.ready:
            self.server.submit(Request("double", {"x": x}))
            self.server.submit(Request("double", {"x": x}))
        await super().infer(scope, receive, send)


class Everywhere(Good):
    """Answers at all paths."""

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.infer(scope, receive, send)


class AnyMethod(Good):
    """Answers to all methods."""

    async def not_allowed(self, send: Send) -> None:
        await self.reply(send, [])


class Curt(Good):
    """Does not say what is allowed."""

    async def not_allowed(self, send: Send) -> None:
        await send_json(send, 405, {})


class WrongLength(Good):
    """Says that it sends less than it does."""

    async def reply(self, send: Send, y: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
        await send({"type": "http.response.body", "body": b"[[3.0]]"})


class NeverEnds(Good):
    """Does not say that it is over."""

    async def reply(self, send: Send, y: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"[[3.0]]", "more_body": True})


class Splits(Good):
    """Writes what it is given into a header."""

    async def reply(self, send: Send, y: Any) -> None:
        await send_bytes(send, 200, b"", [(b"x-note", b"a\r\nb: c")])


class Everything(Good):
    """Claims all paths."""

    def routes(self) -> Sequence[Route]:
        return [Route("/", self.answer)]


class Again(Good):
    """Claims one path twice."""

    def routes(self) -> Sequence[Route]:
        return [Route("/double", self.answer), Route("/double/", self.answer)]


class Pattern(Good):
    """Takes a prefix for a pattern."""

    def routes(self) -> Sequence[Route]:
        return [Route("/double", self.answer), Route("/models?name=x", self.answer)]


class Nowhere(Good):
    """Has no route."""

    def routes(self) -> Sequence[Route]:
        return []


def contract(endpoint: type[Endpoint]) -> type[EndpointContract]:
    class Contract(EndpointContract):
        patience = 1.0

        def endpoint(self, server: Server) -> Endpoint:
            return endpoint(Options(), server)

        def examples(self) -> Sequence[Example]:
            return [Example("POST", "/double", b"[[1, 2]]")]

    return Contract


def test_a_good_endpoint_keeps_to_it() -> None:
    assert broken(contract(Good)) == {}


@pytest.mark.parametrize(
    ("endpoint", "test", "says"),
    [
        (Raises, "a_server_that_is_not_ready_is_no_fault", "POST '/double' raised Unavailable"),
        (Raises, "clients_that_go_cost_nothing", "POST '/double' raised ClientGone"),
        (Raises, "bodies_that_are_too_large_are_refused", "POST '/double' raised TooLarge"),
        (Careless, "nonsense_is_the_clients_fault", "POST '/double' raised"),
        (Hides, "nonsense_is_the_clients_fault", "is answered with 500"),
        (Hides, "a_server_that_is_not_ready_is_no_fault", "is answered with 500 by a server that is not ready"),
        (TakesAnything, "bodies_that_are_too_large_are_refused", "not 413"),
        (WaitsForEver, "clients_that_go_cost_nothing", "POST '/double': there is no answer in time"),
        (LeavesWork, "clients_that_go_while_they_wait_cost_nothing", "are still in the server"),
        (Everywhere, "other_paths_are_not_found", "is answered with 400, not 404"),
        (AnyMethod, "other_methods_are_not_allowed", "BREW /double is answered with 200, not 405"),
        (Curt, "other_methods_are_not_allowed", "with `allow: `"),
        (WrongLength, "the_examples_are_answered", "says that it has 1 bytes, and has 7"),
        (NeverEnds, "the_examples_are_answered", "does not end with its last part"),
        (Splits, "the_examples_are_answered", "has a line break in it"),
        (Everything, "routes_are_well_formed_and_disjoint", "would take all paths"),
        (Again, "routes_are_well_formed_and_disjoint", "two routes claim one prefix: /double, /double"),
        (Pattern, "routes_are_well_formed_and_disjoint", "prefix '/models?name=x' is not a plain path"),
        (Nowhere, "routes_are_well_formed_and_disjoint", "there are no routes"),
    ],
)
def test_what_an_endpoint_gets_wrong_is_caught(endpoint: type[Endpoint], test: str, says: str) -> None:
    assert_breaks(contract(endpoint), test, says)
