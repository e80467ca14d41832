"""The ASGI app below `/v2`: routes, methods, and errors as answers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import orjson
import structlog

from jackfield import Server
from jackfield.errors import Cancelled, JackfieldError, NotFound, Unavailable, Unsupported
from jackfield.web import Receive, Scope, Send, Shortcut, read_body, send_bytes
from jackfield_plugins.open_inference.control import Control
from jackfield_plugins.open_inference.generate import Generate
from jackfield_plugins.open_inference.headers import Headers, declared_length, echoed, request_id, trace
from jackfield_plugins.open_inference.health import live, model_ready, ready
from jackfield_plugins.open_inference.infer import Inference
from jackfield_plugins.open_inference.metadata import model_metadata, server_metadata
from jackfield_plugins.open_inference.model_config import model_config
from jackfield_plugins.open_inference.model_stats import all_stats, model_stats
from jackfield_plugins.open_inference.paths import Paths, Route, Target
from jackfield_plugins.open_inference.repository import index
from jackfield_plugins.open_inference.shortcut import QuickInference
from jackfield_plugins.open_inference.statuses import headers_of, status_of
from jackfield_plugins.open_inference.texts import shown

log = structlog.get_logger("jackfield.open_inference")

_GET: Mapping[Route, Callable[[Server, Target], tuple[int, Any]]] = {
    Route.LIVE: live,
    Route.READY: ready,
    Route.MODEL: model_metadata,
    Route.MODEL_READY: model_ready,
    Route.CONFIG: model_config,
    Route.STATS: model_stats,
    Route.ALL_STATS: all_stats,
}
_OF_BODIES = frozenset((Route.INFER, Route.GENERATE, Route.GENERATE_STREAM))
_OF_LOADED = frozenset((Route.MODEL, Route.CONFIG))  # what only a loaded model can say
_WORTH_READING = 256 * 1024  # bytes of a refused body that cost less than a new connection
_JSON = (b"content-type", b"application/json")

Answer = tuple[int, bytes, list[tuple[bytes, bytes]]]


class OpenInferenceApp:
    """Runs on the event loop."""

    def __init__(
        self,
        server: Server,
        overload_status: int,
        compress_above: int,
        tenant_header: str | None = None,
        control: Control | None = None,
    ) -> None:
        self._server = server
        self._overload_status = overload_status
        self._paths = Paths()
        self._control = control
        own = partial(server_metadata, repository=control is not None)
        self._get: Mapping[Route, Callable[[Server, Target], tuple[int, Any]]] = {**_GET, Route.SERVER: own}
        self._inference = Inference(server, compress_above, tenant_header)
        self._generate = Generate(server, self._inference, self.refusal)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3, for `http`."""
        try:
            target = self._paths.find(scope["path"])
            if target is None or target.route not in _OF_BODIES or scope["method"] != "POST":
                status, body, headers = await self._other(scope, receive, target)
            elif target.route is Route.GENERATE_STREAM:
                await self._generate.stream(scope, receive, send, target)
                return
            elif target.route is Route.GENERATE:
                status, (body, headers) = 200, await self._generate.answer(scope, receive, target)
            else:
                status = 200
                body, headers = await self._inference.answer(scope, receive, target.model, target.version)
        except Cancelled:  # the client has gone: there is nobody to answer
            return
        except JackfieldError as error:
            status, body, headers = self.refusal(dict(scope["headers"]), error)
        except Exception as error:
            status, body, headers = self.refusal(dict(scope["headers"]), error, scope["path"])
        if scope["method"] == "HEAD":
            headers.append((b"content-length", b"%d" % len(body)))
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
        else:
            await send_bytes(send, status, body, headers)

    async def _other(self, scope: Scope, receive: Receive, target: Target | None) -> Answer:
        if target is None:
            raise NotFound("there is nothing at this path")
        method = scope["method"]
        handler = self._get.get(target.route)
        allowed = ("GET", "HEAD") if handler is not None else ("POST",)
        if method not in allowed:
            error = {"error": f"this path takes {' and '.join(allowed)} only"}
            return 405, orjson.dumps(error), [_JSON, (b"allow", ", ".join(allowed).encode())]
        if handler is not None:
            if target.route in _OF_LOADED and target.model in self._server.sleeping:
                await self._server.awake(target.model)
            status, content = handler(self._server, target)
        elif target.route is Route.INDEX:
            status, content = index(self._server, await read_body(scope, receive, self._server.config.server.limits))
        else:
            status, content = 200, await self._change(scope, receive, target)
        return status, orjson.dumps(content), [_JSON]

    async def _change(self, scope: Scope, receive: Receive, target: Target) -> dict[str, Any]:
        """Load or unload a model: Triton answers with nothing."""
        if self._control is None:
            raise Unsupported("models cannot be loaded or unloaded through this server: `repository_control` is off")
        self._control.key.check(dict(scope["headers"]))
        body = await read_body(scope, receive, self._server.config.server.limits)
        change = self._control.loading.load if target.route is Route.LOAD else self._control.loading.unload
        await change(target.model, body)
        return {}

    def shortcut(self, method: str, path: str, headers: Headers) -> Shortcut | None:
        """Inferences can be taken in without ASGI."""
        target = self._paths.find(path)
        if target is None or target.route is not Route.INFER or method != "POST":
            return None
        return QuickInference(self._server, self._inference, self.refusal, target, path, headers).begin

    def refused(self, headers: Headers, error: JackfieldError) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """What a request is answered with that is not let in. A `Refusal`."""
        status, body, sent = self.refusal(headers, error)
        return status, sent, body

    def refusal(self, headers: Headers, error: Exception, path: str = "") -> Answer:
        """What `error` is answered with. A fault of ours stands in the log, under the id that is in the answer."""
        identity, traceparent = request_id(headers), trace(headers)
        if isinstance(error, JackfieldError):
            text = str(error).encode("utf-8", "replace").decode()  # a lone surrogate must not make the error fail
            status, extra = status_of(error, self._overload_status), headers_of(error)
            if isinstance(error, Unavailable) and declared_length(headers) > _WORTH_READING:
                extra.append((b"connection", b"close"))  # the body may not have been read, and would be in vain
        else:
            identity = identity or uuid.uuid4().hex
            log.error(
                "request failed",
                path=shown(path, 200),
                request_id=identity,
                trace=traceparent or None,
                exc_info=error,
            )
            status, extra = 500, []
            text = "internal error: the server's log tells more, under this response's X-Request-Id"
        return status, orjson.dumps({"error": text}), [_JSON, *echoed(identity, traceparent), *extra]
