"""Before every endpoint: whose request it is, and whether it may be asked. The one place for both ways in, ASGI and the
shortcut past it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import orjson

from jackfield.errors import Forbidden, JackfieldError, QuotaExceeded, Unauthenticated
from jackfield.interfaces.endpoint import Answer, Receive, Route, Scope, Send, Shortcut, Withdraw
from jackfield.keys.caller import CALLER, Caller
from jackfield.keys.entries import ADMIN, METRICS
from jackfield.keys.ring import Ring, Table
from jackfield.web.respond import send_bytes

_SCHEME = b"bearer "
_CHALLENGE = (b"www-authenticate", b"Bearer")
_JSON = (b"content-type", b"application/json")
_CLOSE = (b"connection", b"close")
_ABOUT_ALL = frozenset({ADMIN, METRICS})  # rights to what is about the whole server, whichever models the key has
_WORTH_READING = 256 * 1024  # bytes of a refused body that cost less than a new connection
_STATUSES: Sequence[tuple[type[JackfieldError], int]] = ((Unauthenticated, 401), (Forbidden, 403), (QuotaExceeded, 429))

Turned = Callable[[JackfieldError], None]


class Guard:
    """Used on the event loop. Decides by the route, the path of the scope and the key, and by nothing else that a
    request says. `turned` is told of each request that goes no further."""

    def __init__(self, ring: Ring, turned: Turned) -> None:
        self._ring = ring
        self._turned = turned

    async def __call__(
        self, route: Route | None, scope: Scope, receive: Receive, send: Send, app: Callable[..., Awaitable[None]]
    ) -> None:
        """Have `app` answer a request for `route` (None: for no path that there is), or say why not."""
        table = self._ring.table
        if table is None and (route is None or route.right != ADMIN):
            await app(scope, receive, send)
            return
        try:
            caller = self._caller(table, route, scope)
            if caller is not None:
                caller.enter()
        except JackfieldError as error:
            self._turned(error)
            await _refuse(route, scope, send, error)
            return
        if caller is None:
            await app(scope, receive, send)
            return
        # what changes or measures the server is about all of it, and what it begins is nobody's
        token = CALLER.set(None if route is not None and route.right in _ABOUT_ALL else caller)
        try:
            await app(scope, receive, send)
        finally:
            CALLER.reset(token)
            caller.leave()

    def shortcut(self, inner: Shortcut, route: Route, headers: Mapping[bytes, bytes]) -> Shortcut | None:
        """`inner` for requests with this head only, as long as the keys are what they are now."""
        table = self._ring.table
        try:
            caller = self._known(table, route, headers.get(b"authorization"))
        except JackfieldError:  # the long way says so
            return None
        return None if route.right in _ABOUT_ALL else Admitted(self._ring, table, caller, inner)

    def _caller(self, table: Table | None, route: Route | None, scope: Scope) -> Caller | None:
        """Whose request it is; None where there are no keys. Raises Unauthenticated or Forbidden."""
        if table is not None and table.open_health and route is not None and scope["path"] in route.health:
            return self._ring.nobody
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(given) > 1:
            raise Unauthenticated("there is more than one Authorization header")
        return self._known(table, route, given[0] if given else None)

    def _known(self, table: Table | None, route: Route | None, given: bytes | None) -> Caller | None:
        right = "" if route is None else route.right
        if table is None:
            if right == ADMIN:
                raise Forbidden("this is served to keys only, and this server has none")
            return None
        if given is None:
            raise Unauthenticated("a key is needed: send it in the header 'Authorization: Bearer KEY'")
        if given[: len(_SCHEME)].lower() != _SCHEME:
            raise Unauthenticated("the header Authorization must be 'Bearer' and a key")
        caller = self._ring.find(given[len(_SCHEME) :].strip())
        if caller is None:
            raise Unauthenticated("the key is not known here")
        if not caller.may(right):
            raise Forbidden(f"key '{caller.name}' has not been given the right '{right}'")
        return caller


class Admitted:
    """The shortcut of a head whose key was found: one look at whether the keys are still the same, and what the key's
    quota asks. Whatever is not as it was goes the long way, which says what is wrong."""

    __slots__ = ("_caller", "_inner", "_ring", "_table")

    def __init__(self, ring: Ring, table: Table | None, caller: Caller | None, inner: Shortcut) -> None:
        self._ring = ring
        self._table = table
        self._caller = caller
        self._inner = inner

    def __call__(self, body: bytes, answer: Answer) -> Withdraw | None:
        """A `Shortcut`."""
        if self._ring.table is not self._table:
            return None
        caller = self._caller
        if caller is None:
            return self._inner(body, answer)
        if not caller.counted:
            token = CALLER.set(caller)
            try:
                return self._inner(body, answer)
            finally:
                CALLER.reset(token)
        return self._count(caller, body, answer)

    def _count(self, caller: Caller, body: bytes, answer: Answer) -> Withdraw | None:
        try:
            caller.enter()
        except QuotaExceeded:
            return None
        counted = _Counted(caller, answer)
        token = CALLER.set(caller)
        try:
            withdraw = self._inner(body, counted)
        finally:
            CALLER.reset(token)
        if withdraw is None:
            caller.leave(asked=False)
            return None
        counted.withdraw = withdraw
        return counted.withdrawn


class _Counted:
    """An answer that ends the request of a key, unless its client leaves before."""

    __slots__ = ("_answer", "_caller", "_over", "withdraw")

    def __init__(self, caller: Caller, answer: Answer) -> None:
        self._caller = caller
        self._answer = answer
        self._over = False
        self.withdraw: Withdraw | None = None

    def __call__(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        self._end()
        self._answer(status, headers, body)

    def withdrawn(self) -> None:
        """The client has gone."""
        self._end()
        if self.withdraw is not None:
            self.withdraw()

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self._caller.leave()


async def _refuse(route: Route | None, scope: Scope, send: Send, error: JackfieldError) -> None:
    headers = dict(scope["headers"])
    if route is not None and route.refusal is not None:
        status, given, body = route.refusal(headers, error)
    else:
        status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 403)
        given, body = [_JSON], orjson.dumps({"error": str(error)})
        if isinstance(error, QuotaExceeded):
            given.append((b"retry-after", b"%d" % error.whole_seconds))
    sent = [*given]
    if isinstance(error, Unauthenticated):
        sent.append(_CHALLENGE)
    if _CLOSE not in sent and _is_long(headers):
        sent.append(_CLOSE)  # the body was not read, and would be in vain
    if scope["method"] == "HEAD":
        sent.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": b""})
    else:
        await send_bytes(send, status, body, sent)


def _is_long(headers: Mapping[bytes, bytes]) -> bool:
    length = headers.get(b"content-length", b"0")
    return b"transfer-encoding" in headers or not length.isdigit() or len(length) > 15 or int(length) > _WORTH_READING
