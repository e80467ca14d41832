"""An inference: read, decode, exchange, encode."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jackfield import Datatype, Request, Response, Server, Signature, Version, Work
from jackfield.errors import InvalidRequest, Unsupported
from jackfield.web import Receive, Scope, awaited, exchange, read_body
from jackfield_plugins.open_inference.compression import accepted, compressed, decompressed
from jackfield_plugins.open_inference.headers import (
    RAW,
    Headers,
    Said,
    declared_length,
    header_length,
    said,
    server_timing,
)
from jackfield_plugins.open_inference.labels import Labels
from jackfield_plugins.open_inference.outputs import Form, Wanted, refuse_formless
from jackfield_plugins.open_inference.raw import decode_raw
from jackfield_plugins.open_inference.request import decode
from jackfield_plugins.open_inference.response import Encoded, encode
from jackfield_plugins.open_inference.texts import shown
from jackfield_plugins.open_inference.versions import require_signature

LARGE_REQUEST = 256 * 1024
"""Bytes that are decoded on the event loop."""
_LARGE_RESPONSE = 128 * 1024  # bytes of tensors that are encoded on it
_JSON = (b"content-type", b"application/json")
_BINARY = (b"content-type", b"application/octet-stream")
_ALL_BINARY = Wanted({}, Form(True))

Sent = tuple[bytes, list[tuple[bytes, bytes]]]


class Asked(NamedTuple):
    """What the answer to a request depends on. `identity` is its own id."""

    identity: str
    wanted: Wanted
    said: Said


class Inference:
    """Answers `infer`. Responses of more than `compress_above` bytes are compressed for clients that accept it."""

    def __init__(self, server: Server, compress_above: int, tenant_header: str | None) -> None:
        self._server = server
        self._limits = server.config.server.limits
        self._compress_above = compress_above
        self._labels = Labels()
        self._tenant_header = None if tenant_header is None else tenant_header.lower().encode()

    async def answer(self, scope: Scope, receive: Receive, model: str, version: str) -> Sent:
        """The body and headers of the answer; raises what went wrong."""
        server = self._server
        told = self.said(dict(scope["headers"]))
        self.check_room(told.headers, model, version)
        try:
            body = await self.body(scope, receive, told.headers, model, version)
            if model in server.sleeping and self._needs_signature(told.headers, body):
                await server.awake(model)
            request, wanted = await self._decoded(body, told.headers, model, version)
        except (InvalidRequest, Unsupported) as error:
            if model not in server.sleeping:
                server.model(model).version(version).refused(error)
            raise
        while model in server.sleeping:  # only now is its deadline known
            await awaited(server, request, receive)
        asked = self.asked(request, wanted, told, server.model(model).version(version))
        work, response = await exchange(server, request, receive)
        return await self.encoded(asked, work, response)

    def said(self, headers: Headers) -> Said:
        """What `headers` say."""
        return said(headers, self._tenant_header)

    def check_room(self, headers: Headers, model: str, version: str) -> None:
        """Say that there is no such model, or no room, before a body is read."""
        if model in self._server.sleeping:
            self._server.rouse(model)
            return
        size = declared_length(headers)
        found = self._server.model(model).version(version)
        if size <= self._limits.max_body_bytes:  # or it is refused whatever waits
            found.check_room(size)

    async def body(self, scope: Scope, receive: Receive, headers: Headers, model: str, version: str) -> bytes:
        """The body, decompressed; raises what is wrong with it, or Overloaded if there is no room for it any more."""
        body = await read_body(scope, receive, self._limits)
        if len(body) > LARGE_REQUEST and model not in self._server.sleeping:
            # it was long on its way: much may have come in meanwhile
            self._server.model(model).version(version).check_room(len(body))
        encoding = headers.get(b"content-encoding")
        return body if encoding is None else await decompressed(body, encoding, self._limits.max_body_bytes)

    def _needs_signature(self, headers: Headers, body: bytes) -> bool:
        """Whether the request cannot be decoded without its model."""
        return len(body) > LARGE_REQUEST or header_length(headers, len(body)) == RAW

    async def _decoded(self, body: bytes, headers: Headers, model: str, version: str) -> tuple[Request, Wanted]:
        if len(body) > LARGE_REQUEST:
            length = header_length(headers, len(body))
            found = self._server.model(model).version(version)
            if length != RAW and (length > LARGE_REQUEST or _of_many_parts(found.signature)):
                return await asyncio.to_thread(decode, body, length, model, version)
        return self.decoded_now(body, headers, model, version)

    def decoded_now(self, body: bytes, headers: Headers, model: str, version: str) -> tuple[Request, Wanted]:
        """The request in `body`, and how it is to be answered; raises InvalidRequest, Unsupported or Unavailable."""
        length = header_length(headers, len(body))
        if length == RAW:  # looked up only here: it may have become ready while the body was read
            found = self._server.model(model).version(version)
            require_signature(found)
            return decode_raw(body, found.signature, model, version), _ALL_BINARY
        return decode(body, length, model, version)

    def asked(self, request: Request, wanted: Wanted, told: Said, version: Version) -> Asked:
        """What is needed to answer `request` once it has run; completes it by what the headers say, and checks it
        against `version`, which is the one that takes it but for a share of the traffic."""
        identity = request.id
        request.trace, request.tenant = told.trace, told.tenant
        # it goes into logs, where a line of its own would pass for one of ours; the answer repeats it as it came
        request.id = (identity if identity.isprintable() else shown(identity)) or told.identity
        refuse_formless(version.signature, wanted)
        return Asked(identity, wanted, told)

    def encoded_now(self, asked: Asked, work: Work, response: Response) -> Sent | None:
        """The answer; None if it takes more than a moment to make."""
        if asked.wanted.by_name or is_large(response, asked.wanted):
            return None
        body, sent = self._with_headers(asked, work, encode(*_arguments(asked, work, response, {})))
        if len(body) > self._compress_above and asked.said.accepts is not None:
            return None
        return body, sent

    async def encoded(self, asked: Asked, work: Work, response: Response) -> Sent:
        """The answer, made on another thread if it is large, and compressed if the client takes that."""
        named = [name for name, form in asked.wanted.by_name.items() if form.classes]
        labels = await self._labels.of(work.version, named) if named else {}
        arguments = _arguments(asked, work, response, labels)
        if is_large(response, asked.wanted):
            encoded = await asyncio.to_thread(encode, *arguments)
        else:
            encoded = encode(*arguments)
        body, sent = self._with_headers(asked, work, encoded)
        accepts = asked.said.accepts
        if accepts is not None and len(body) > self._compress_above:
            sent.append((b"vary", b"accept-encoding"))
            encoding = accepted(accepts)
            if encoding is not None:
                sent.append((b"content-encoding", encoding))
                body = await compressed(body, encoding)
        return body, sent

    def _with_headers(self, asked: Asked, work: Work, encoded: Encoded) -> Sent:
        body, length = encoded
        sent = [*asked.said.echoed]
        timing = server_timing(work)
        if timing is not None:
            sent.append((b"server-timing", timing))
        if length is None:
            sent.append(_JSON)
        else:
            sent.append(_BINARY)
            sent.append((b"inference-header-content-length", b"%d" % length))
        return body, sent


def _arguments(
    asked: Asked, work: Work, response: Response, labels: Mapping[str, Sequence[str]]
) -> tuple[str, str, str, Response, Signature, Wanted, Mapping[str, Sequence[str]]]:
    version = work.version
    return version.model, version.name, asked.identity, response, work.replica.signature, asked.wanted, labels


def _of_many_parts(signature: Signature) -> bool:
    """Whether binary data takes time: that of numbers is a view, that of texts is read one by one."""
    return any(spec.datatype is Datatype.BYTES for spec in signature.inputs)


def is_large(response: Response, wanted: Wanted) -> bool:
    """Whether it takes more than a moment to encode."""
    size = 0
    for array in response.outputs.values():
        size += array.nbytes
    if size <= _LARGE_RESPONSE:
        return False
    copied = not wanted.by_name and wanted.default.binary  # one copy of memory is quicker than a thread
    return not copied or any(array.dtype == np.dtype(object) for array in response.outputs.values())
