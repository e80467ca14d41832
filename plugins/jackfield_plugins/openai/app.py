"""The ASGI app: routes, methods, and errors as answers."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from jackfield import Server
from jackfield.errors import Cancelled, JackfieldError, NotFound, Unavailable
from jackfield.web import Receive, Scope, Send, read_body, send_bytes
from jackfield_plugins.open_inference.compression import decompressed
from jackfield_plugins.open_inference.headers import Headers, declared_length, echoed, request_id, said, trace
from jackfield_plugins.open_inference.texts import shown
from jackfield_plugins.openai.call import Answer, Call
from jackfield_plugins.openai.chat import Chat
from jackfield_plugins.openai.completions import Completions
from jackfield_plugins.openai.embeddings import Embeddings
from jackfield_plugins.openai.events import Events
from jackfield_plugins.openai.models import Models
from jackfield_plugins.openai.paths import Kind, Target, find
from jackfield_plugins.openai.statuses import INVALID, SERVER, described, headers_of, told
from jackfield_plugins.openai.threads import TextThreads
from jackfield_plugins.openai.tokens import Tokens

if TYPE_CHECKING:
    from jackfield_plugins.openai.endpoint import OpenAIOptions

log = structlog.get_logger("jackfield.openai")

_GET = (Kind.MODELS, Kind.MODEL)
_WORTH_READING = 256 * 1024  # bytes of a refused body that cost less than a new connection
_JSON = (b"content-type", b"application/json")

Sent = tuple[int, bytes, list[tuple[bytes, bytes]]]


class OpenAIApp:
    """Runs on the event loop."""

    def __init__(self, server: Server, options: OpenAIOptions) -> None:
        self._server = server
        self._overload_status = options.overload_status
        limits = server.config.server.limits
        self._limits = limits.model_copy(update={"max_body_bytes": min(limits.max_body_bytes, options.max_body_bytes)})
        self._tenant_header = None if options.tenant_header is None else options.tenant_header.lower().encode()
        self._created = int(time.time())
        self._models = Models(server)
        threads = TextThreads(options.text_threads)
        tokens = Tokens(self._models, threads)
        self._post: Mapping[Kind, Callable[[Call], Awaitable[Answer | None]]] = {
            Kind.CHAT: Chat(server, self._models, threads, options.tool_parser).answer,
            Kind.COMPLETIONS: Completions(server, self._models, threads, options.max_prompts).answer,
            Kind.EMBEDDINGS: Embeddings(server, self._models, threads, options.max_prompts).answer,
            Kind.TOKENIZE: tokens.tokenize,
            Kind.DETOKENIZE: tokens.detokenize,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3, for `http`."""
        headers: Headers = dict(scope["headers"])
        events = Events(send, echoed(request_id(headers), trace(headers)))
        try:
            answer = await self._answer(scope, receive, headers, events)
            if answer is None:  # it was streamed
                return
        except Cancelled:  # the client has gone: there is nobody to answer
            return
        except Exception as error:
            answer = self._refusal(headers, error, scope["path"])
            if events.begun:
                await events.end(b"data: " + answer[1] + b"\n\n")
                return
        status, body, sent = answer
        if scope["method"] == "HEAD":
            sent.append((b"content-length", b"%d" % len(body)))
            await send({"type": "http.response.start", "status": status, "headers": sent})
            await send({"type": "http.response.body", "body": b""})
        else:
            await send_bytes(send, status, body, sent)

    async def _answer(self, scope: Scope, receive: Receive, headers: Headers, events: Events) -> Sent | None:
        target = find(scope["path"])
        if target is None:
            raise NotFound("there is nothing at this path")
        method = scope["method"]
        allowed = ("GET", "HEAD") if target.kind in _GET else ("POST",)
        if method not in allowed:
            error = described(f"this path takes {' and '.join(allowed)} only", INVALID, None, "method_not_allowed")
            return 405, orjson.dumps(error), [_JSON, (b"allow", ", ".join(allowed).encode())]
        told = said(headers, self._tenant_header)
        if target.kind in _GET:
            return 200, orjson.dumps(self._listed(target)), [_JSON, *told.echoed]
        body = await self._body(scope, receive, headers)
        answer = await self._post[target.kind](Call(body, told, receive, events))
        return None if answer is None else (*answer, [_JSON, *told.echoed])

    def _listed(self, target: Target) -> dict[str, Any]:
        if target.kind is Kind.MODELS:
            return self._models.listed(self._created)
        return self._models.one(target.model, self._created)

    async def _body(self, scope: Scope, receive: Receive, headers: Headers) -> bytes:
        size = declared_length(headers)
        single = self._models.single()
        if single is not None and size <= self._limits.max_body_bytes:
            single.check_room(size)  # before the body is read: which model it is for stands in it
        body = await read_body(scope, receive, self._limits)
        encoding = headers.get(b"content-encoding")
        return body if encoding is None else await decompressed(body, encoding, self._limits.max_body_bytes)

    def refused(self, headers: Headers, error: JackfieldError) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """What a request is answered with that is not let in. A `Refusal`."""
        status, body, sent = self._refusal(headers, error, "")
        return status, sent, body

    def _refusal(self, headers: Headers, error: Exception, path: str) -> Sent:
        """What `error` is answered with. A fault of ours stands in the log, under the id that is in the answer."""
        identity, traceparent = request_id(headers), trace(headers)
        if isinstance(error, JackfieldError):
            status, content = told(error, self._overload_status)
            extra = headers_of(error)
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
            text = "internal error: the server's log tells more, under this response's X-Request-Id"
            status, content, extra = 500, described(text, SERVER), []
        return status, orjson.dumps(content), [_JSON, *echoed(identity, traceparent), *extra]
