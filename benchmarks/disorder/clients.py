"""Clients that ask one thing after the other, know the right answer, and sometimes leave before they have it."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.disorder.http import Connection, Cut, post

PATIENCE = 120.0  # seconds after which an answer is lost
_AGAIN = 1.0  # seconds after which a request that was refused is followed by another: what `Retry-After` says
_SHOWN = 5
_UNANSWERED = "did not answer"  # what a request is told that was accepted, and in vain


@dataclass(frozen=True, slots=True)
class Call:
    """One thing to ask. `read` makes of the body what can be compared by `same`; it raises for an error."""

    model: str
    request: bytes
    read: Callable[[bytes], Any]
    same: Callable[[Any, Any], bool]


@dataclass(slots=True)
class Tally:
    """What became of the requests to one model, as its clients saw it. What must not be is kept as sentences."""

    sent: int = 0
    right: int = 0
    refused: int = 0
    vanished: int = 0
    wrong: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @property
    def bad(self) -> list[str]:
        """Some of what must not be."""
        return [one for kind in (self.wrong, self.failed, self.lost) for one in kind[:_SHOWN]]


class Failed(Exception):
    """The answer is an error."""


async def answer(port: int, call: Call) -> Any:
    """What `call` gives when nothing disturbs it."""
    connection = await Connection.to(port)
    try:
        await connection.send(call.request)
        body = await connection.body()
        if connection.status != 200:
            raise Failed(f"{connection.status}: {body[:200]!r}")
        return call.read(body)
    finally:
        connection.close()


async def client(
    port: int,
    calls: Sequence[tuple[Call, Any]],
    tally: Tally,
    draw: random.Random,
    vanishing: float,
    stop: asyncio.Event,
) -> None:
    """Ask until `stop`; of the requests a share of `vanishing` is left in the middle."""
    connection: Connection | None = None
    try:
        while not stop.is_set():
            call, right = draw.choice(calls)
            if connection is None or not connection.usable:
                connection = await Connection.to(port)
            leaves = draw.random() < vanishing
            after = draw.choice((0.0, 0.002, 0.02, 0.2)) if leaves else PATIENCE
            tally.sent += 1
            try:
                async with asyncio.timeout(after):
                    await connection.send(call.request)
                    body = await connection.body()
            except TimeoutError:
                connection.close()
                if leaves:
                    tally.vanished += 1
                else:
                    tally.lost.append(f"no answer within {PATIENCE:g} s")
                continue
            except Cut as error:
                tally.lost.append(str(error))
                continue
            refused = _settle(tally, connection.status, body, call, right)
            if refused:
                await asyncio.sleep(_AGAIN)
    finally:
        if connection is not None:
            connection.close()


def _settle(tally: Tally, status: int, body: bytes, call: Call, right: Any) -> bool:
    """Count an answer; whether it says that nothing more is taken."""
    if status in (429, 503) and _UNANSWERED.encode() not in body:
        tally.refused += 1
        return True
    try:
        if status != 200:
            raise Failed(f"{status}: {body[:300]!r}")
        found = call.read(body)
    except Failed as error:
        tally.failed.append(str(error))
        return False
    if call.same(found, right):
        tally.right += 1
    else:
        tally.wrong.append(f"expected {str(right)[:150]}, got {str(found)[:150]}")
    return False


def tensor_call(model: str, inputs: Sequence[dict[str, Any]], tolerance: float) -> Call:
    """An inference; outputs may differ by `tolerance`."""

    def read(body: bytes) -> Any:
        return {one["name"]: np.array(one["data"]) for one in json.loads(body)["outputs"]}

    def same(found: Any, right: Any) -> bool:
        return found.keys() == right.keys() and all(
            found[name].shape == right[name].shape and np.allclose(found[name], right[name], tolerance, tolerance)
            for name in right
        )

    return Call(model, post(f"/v2/models/{model}/infer", json.dumps({"inputs": inputs}).encode()), read, same)


def stream_call(model: str, prompt: str, most: int, seed: int | None) -> Call:
    """A completion in pieces: all of its text, why it ended and what it cost must be the same."""
    sampling: dict[str, Any] = {"temperature": 0} if seed is None else {"temperature": 0.9, "seed": seed}
    content = {"model": model, "prompt": prompt, "max_tokens": most, "stream": True, **sampling}
    content["stream_options"] = {"include_usage": True}

    def read(body: bytes) -> Any:
        *events, last = [part.removeprefix(b"data: ") for part in body.strip().split(b"\n\n")]
        if last != b"[DONE]":
            raise Failed(f"the stream ended with {last[:300]!r}")
        told = [json.loads(one) for one in events]
        choices = [choice for one in told for choice in one["choices"]]
        usage = [one["usage"]["completion_tokens"] for one in told if one.get("usage")]
        text = "".join(choice["text"] for choice in choices)
        return text, [one["finish_reason"] for one in choices if one["finish_reason"]], usage

    return Call(model, post("/v1/completions", json.dumps(content).encode()), read, lambda found, right: found == right)
