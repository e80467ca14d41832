"""Whoever else is served while somebody attacks, and what must hold afterwards."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.e2e.launch import Answer, Live
from tests.e2e.models import GATED
from tests.e2e.sockets import content, doubled, rows

_LONGEST = 20.0
_FINAL = ("completed", "failed", "cancelled", "expired")
_PRIVATE = (str(Path(__file__).parents[2]), str(Path.home()), "site-packages", "/srv", "/etc", "Traceback")


@contextmanager
def neighbour(live: Live, model: str = "double") -> Iterator[None]:
    """Another client, on a connection of its own, that must get right answers all the time: before what is done
    within, meanwhile, and afterwards."""
    found: list[str] = []
    answered = 0
    stop = threading.Event()

    def ask() -> None:
        nonlocal answered
        connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=_LONGEST)
        try:
            for number in count():
                if stop.is_set():
                    return
                first = float(number % 90)
                connection.request("POST", f"/v2/models/{model}/infer", rows(first))
                response = connection.getresponse()
                answer = Answer(response.status, {}, response.read())
                if answer.status != 200 or answer.json["outputs"][0]["data"] != doubled(first):
                    found.append(f"{answer.status}: {answer.body[:200]!r}")
                answered += 1
                time.sleep(0.001)
        except Exception as error:
            found.append(repr(error))
        finally:
            connection.close()

    def more() -> None:
        target = answered + 2
        until(lambda: answered >= target or bool(found))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        more()
        yield
        more()
    finally:
        stop.set()
        thread.join(_LONGEST)
    assert not found, found[:3]


def until(holds: Callable[[], bool], what: str = "the neighbour to be answered", seconds: float = 60.0) -> None:
    """Wait for something that must come to hold."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


@contextmanager
def closed(gate: Path) -> Iterator[None]:
    """Meanwhile models that are gated keep what they have; afterwards the gate is open."""
    gate.unlink(missing_ok=True)
    try:
        yield
    finally:
        gate.touch()


@contextmanager
def held(live: Live, model: str, first: float = GATED) -> Iterator[None]:
    """A request that begins with `first`, for which `model` waits at the gate, is on the device meanwhile; nothing of
    it may wait or run before."""
    with ThreadPoolExecutor(1) as pool:
        with closed(live.gate):
            running = pool.submit(live.infer, model, content(first))
            until(
                lambda: (
                    live.statistics(model)["jackfield_outstanding_requests"] == 1
                    and live.statistics(model)["jackfield_waiting_requests"] == 0
                ),
                "the request to run",
            )
            yield
        assert running.result().status == 200


def survived(live: Live, *models: str) -> None:
    """The server is up and ready, has nothing left to do, and its books are balanced; `double` answers right."""
    assert live.process.poll() is None
    for model in models or ("double",):
        counts = quiet(live, model)
        over = sum(counts[f"jackfield_requests_total:{state}"] for state in _FINAL)
        assert counts["jackfield_requests_accepted_total"] == over, counts
    assert live.ask("GET", "/v2/health/ready").status == 200
    answer = live.infer("double", content(7))
    assert (answer.status, answer.json["outputs"][0]["data"]) == (200, doubled(7))


def quiet(live: Live, model: str) -> Mapping[str, float]:
    """The counters of `model` once nothing of it waits or runs."""
    counts: Mapping[str, float] = {}

    def is_quiet() -> bool:
        nonlocal counts
        counts = live.statistics(model)
        return counts["jackfield_outstanding_requests"] == counts["jackfield_waiting_requests"] == 0

    until(is_quiet, f"'{model}' to be done")
    return counts


def counted(live: Live, model: str, state: str) -> float:
    """How many requests ended in `state`."""
    return live.statistics(model)[f"jackfield_requests_total:{state}"]


def refusal(answer: Answer, *statuses: int) -> str:
    """The sentence of an answer that must be an error with one of `statuses`, and tell nothing of this host."""
    assert answer.status in statuses, (answer.status, answer.body[:300])
    assert answer.headers["content-type"] == "application/json"
    (sentence,) = answer.json.values()
    assert list(answer.json) == ["error"]
    assert sentence
    assert sentence.isprintable(), sentence
    assert len(sentence) < 600
    for private in _PRIVATE:
        assert private not in sentence
    return str(sentence)
