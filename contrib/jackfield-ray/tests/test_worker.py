"""What an actor does with what it is told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from jackfield import Request, Work
from jackfield.hosting import Host

from jackfield_ray import messages as say

MODELS = Path(__file__).with_name("models.py")
_MODEL = {"source": f"{MODELS}:Double", "batching": {"policy": "none"}, "scheduler": {"policy": "fair"}}


@pytest.mark.usefixtures("nodes")  # Ray reads the settings that these make when it is imported, as it is here
def test_weights_arrive_and_a_change_that_cannot_be_taken_leaves_all_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    from jackfield_ray import link, worker

    weights: dict[int, float | None] = {}

    class Noting(Host):
        def submit(self, number: int, request: Request, arrival: float, deadline: float | None) -> None:
            weights[number] = request.weight
            super().submit(number, request, arrival, deadline)

    def asked(number: int, weight: float | None) -> say.Submit:
        request = Request("m", {"x": np.ones((1, 4), np.float32)}, tenant=f"{number}", weight=weight)
        work = Work(request, 1, 16, None, time.perf_counter(), None, lambda work, result: None)
        return link._submit(number, work, [])

    monkeypatch.setattr(worker, "Host", Noting)
    actor, encode = worker.Worker(), msgspec.msgpack.encode
    said = _each(actor.run(encode(say.Begin("m/1/0", "m", _MODEL, None, None))))
    assert isinstance(next(one for one in said if not isinstance(one, say.Doing | say.Now | say.States)), say.Ready)
    wrong = say.Configure(_MODEL | {"batching": {"policy": "not here"}})
    actor.take(0, encode([asked(0, None), wrong, asked(1, 9.0), asked(2, 0.5)]))
    answered: set[int] = set()
    while len(answered) < 3:
        told = next(said)
        assert not isinstance(told, say.Died)
        if isinstance(told, say.Told):
            assert not any(one.error for one in told.answers)
            answered |= {one.number for one in told.answers}
    assert weights == {0: None, 1: 9.0, 2: 0.5}
    actor.take(1, encode([say.Stop(30)]))
    assert not any(isinstance(told, say.Died | say.Failed) for told in said)


def _each(sayings: Iterator[Any]) -> Iterator[say.FromWorker]:
    decoder = msgspec.msgpack.Decoder(list[say.FromWorker])
    for body in sayings:
        assert isinstance(body, bytes)  # there is nothing here that is too large for a message
        yield from decoder.decode(body)
