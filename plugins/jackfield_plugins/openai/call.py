"""A request on its way through this endpoint."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from jackfield import Array, Request
from jackfield.web import Receive
from jackfield_plugins.open_inference.headers import Said
from jackfield_plugins.openai.events import Events
from jackfield_plugins.openai.reading import decoded

T = TypeVar("T")
Answer = tuple[int, bytes]

LARGE = 64 * 1024
"""Bytes that are decoded on the event loop."""


@dataclass(slots=True, eq=False)
class Call:
    """`said` is what its headers say, `events` where a streamed answer goes. `created`: seconds since 1970."""

    body: bytes
    said: Said
    receive: Receive
    events: Events
    created: int = field(default_factory=lambda: int(time.time()))
    unique: str = field(default_factory=lambda: secrets.token_hex(12))

    async def decoded(self, decoder: msgspec.json.Decoder[T]) -> T:
        """Its body; raises Fault."""
        if len(self.body) > LARGE:
            return await asyncio.to_thread(decoded, self.body, decoder)
        return decoded(self.body, decoder)

    def request(self, model: str, inputs: dict[str, Array], parameters: dict[str, Any], priority: int = 0) -> Request:
        """What is asked of `model`, for this call's tenant."""
        said = self.said
        return Request(
            model,
            inputs,
            id=said.identity or self.unique,
            parameters=parameters,
            priority=priority,
            tenant=said.tenant,
            trace=said.trace,
        )
