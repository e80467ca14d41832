"""SIGTERM, once and twice, at any time: it drains and says so, what it had begun has an end, and nothing is left."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.company import refusal, until
from tests.e2e.launch import Live, launched
from tests.e2e.models import GATED
from tests.e2e.processes import children, gone, stopped, workers
from tests.e2e.sockets import Raw, content, doubled, post, rows
from tests.e2e.streaming import Streaming, text_of, wide_context

MODELS = Path(__file__).with_name("models.py")
PATIENCE = 60.0
PLACEMENTS = ("thread", "process")
LONG = 600.0  # a test that had to wait for it would fail


@contextmanager
def serving(
    folder: Path,
    *classes: str,
    drain_s: float = LONG,
    placement: str = "thread",
    ready: bool = True,
    fronts: int = 1,
    **more: Any,
) -> Iterator[Live]:
    """A server of those models; GATE names `folder/gate`."""
    place = {"name": placement}
    models = {cls.lower(): {"source": f"{MODELS}:{cls}", "placement": place} for cls in classes}
    server = {"drain_timeout_s": drain_s, "exit_on_load_error": False, "workers": fronts}
    config = {"models": {**models, **more}, "server": server}
    environ = {**os.environ, "GATE": str(folder / "gate"), "OMP_NUM_THREADS": "1"}
    with launched(config, folder, ready=ready, environ=environ) as live:
        try:
            yield live
        finally:
            if live.process.poll() is None:  # the test has failed
                live.process.kill()


def told_to_stop(live: Live) -> None:
    """SIGTERM, and wait until it says that it is not ready."""
    live.process.send_signal(signal.SIGTERM)
    until(lambda: live.ask("GET", "/v2/health/ready").status == 503, "it to be not ready")


def ended(live: Live, status: int = 0) -> None:
    """It has ended well, and nobody listens."""
    assert live.process.wait(PATIENCE) == status, live.log.read_text()
    assert "Traceback" not in live.log.read_text(), live.log.read_text()
    assert not listens(live)


def outstanding(live: Live, model: str) -> float:
    return live.statistics(model).get("jackfield_outstanding_requests", 0)


@pytest.mark.parametrize(("placement", "fronts"), [("thread", 1), ("process", 1), ("thread", 2)])
def test_it_drains_and_says_so(tmp_path: Path, placement: str, fronts: int) -> None:
    gated = serving(tmp_path, "Gated", "Double", placement=placement, fronts=fronts)
    with gated as live, ThreadPoolExecutor(1) as pool, Raw(live) as kept:
        started = children(live.process.pid)
        assert len(workers(live.process.pid)) == (2 if placement == "process" else 0)
        assert kept.send(post("double", rows(1))).answer().status == 200
        accepted = pool.submit(live.infer, "gated", content(GATED, GATED + 1))
        until(lambda: outstanding(live, "gated") == 1, "the request to be accepted")
        told_to_stop(live)
        assert live.ask("GET", "/v2/health/live").status == 200
        assert "stopping" in live.ask("GET", "/v2/health/ready").json["error"]
        assert live.ask("GET", "/v2/models/gated/ready").status == 503
        assert "jackfield_ready 0" in live.ask("GET", "/metrics").body.decode()
        for answer in (live.infer("double", content(1)), kept.send(post("double", rows(1))).answer()):
            refusal(answer, 503)
            assert answer.headers["retry-after"]
            assert answer.headers["connection"] == "close"
        (tmp_path / "gate").touch()
        answer = accepted.result()
        assert (answer.status, answer.json["outputs"][0]["data"]) == (200, doubled(GATED, GATED + 1))
        ended(live)
        gone(started)


def test_what_is_not_answered_in_time_is_told_so(tmp_path: Path) -> None:
    with serving(tmp_path, "Gated", drain_s=0.2) as live, ThreadPoolExecutor(3) as pool:
        accepted = [pool.submit(live.infer, "gated", content(GATED + first)) for first in range(3)]
        until(lambda: outstanding(live, "gated") == 3, "the requests to be accepted")
        live.process.send_signal(signal.SIGTERM)
        for one in accepted:
            refusal(one.result(), 503)
        ended(live)


@pytest.mark.parametrize(("placement", "second"), [("thread", signal.SIGTERM), ("process", signal.SIGINT)])
def test_a_second_signal_stops_at_once(tmp_path: Path, placement: str, second: signal.Signals) -> None:
    with serving(tmp_path, "Gated", placement=placement) as live, ThreadPoolExecutor(1) as pool:
        started = children(live.process.pid)
        accepted = pool.submit(live.infer, "gated", content(GATED))
        until(lambda: outstanding(live, "gated") == 1, "the request to be accepted")
        told_to_stop(live)
        live.process.send_signal(second)
        refusal(accepted.result(), 503)
        ended(live)
        gone(started)


def test_a_second_signal_while_a_worker_hangs(tmp_path: Path) -> None:
    with serving(tmp_path, "Double", placement="process") as live, ThreadPoolExecutor(1) as pool:
        (worker,) = workers(live.process.pid)
        with stopped(worker):
            accepted = pool.submit(live.infer, "double", content(1))
            until(lambda: outstanding(live, "double") == 1, "the request to be accepted")
            told_to_stop(live)
            live.process.send_signal(signal.SIGTERM)
            refusal(accepted.result(), 503)
            ended(live)
            gone([worker])


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_while_models_load(tmp_path: Path, placement: str) -> None:
    with serving(tmp_path, "GatedOpening", placement=placement, ready=False) as live:
        expected = 1 if placement == "process" else 0
        until(lambda: len(workers(live.process.pid)) == expected, "the model to be opened")
        started = children(live.process.pid)
        live.process.send_signal(signal.SIGTERM)
        ended(live)
        gone(started)


def test_killed_while_models_load(tmp_path: Path) -> None:
    with serving(tmp_path, "GatedOpening", placement="process", ready=False) as live:
        until(lambda: len(workers(live.process.pid)) == 1, "the model to be opened")
        started = workers(live.process.pid)
        live.process.kill()
        live.process.wait(PATIENCE)
        gone(started)


def test_what_keeps_it_from_ending_does_not_keep_it_for_ever(tmp_path: Path) -> None:
    with serving(tmp_path, "Clings", "Double", placement="thread") as live:
        live.process.send_signal(signal.SIGTERM)
        until(lambda: not listens(live), "it to listen no more")
        live.process.send_signal(signal.SIGTERM)
        live.process.send_signal(signal.SIGINT)  # of two that are alike one may come
        ended(live, status=1)


def listens(live: Live) -> bool:
    try:
        socket.create_connection(("127.0.0.1", live.port)).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return wide_context(tmp_path_factory.mktemp("tiny"))


STREAMS: dict[str, Callable[[Live, int], Streaming]] = {
    "openai": lambda live, most: Streaming(
        live, "/v1/completions", prompt="the quick brown fox", stream=True, max_tokens=most
    ),
    "generate": lambda live, most: Streaming(
        live, "/v2/models/m/generate_stream", text_input="the quick brown fox", max_tokens=most
    ),
}


def test_streams_finish(tmp_path: Path, decoder: dict[str, Any]) -> None:
    model = {**decoder, "placement": {"name": "process"}}
    with serving(tmp_path, m=model) as live:
        undisturbed = {name: begin(live, 60).rest() for name, begin in STREAMS.items()}
        started = children(live.process.pid)
        streams = {name: begin(live, 60) for name, begin in STREAMS.items()}
        live.process.send_signal(signal.SIGTERM)
        for name, stream in streams.items():
            assert text_of(stream.rest()) == text_of(undisturbed[name])
        ended(live)
        gone(started)


def test_streams_that_do_not_finish_end_with_an_error(tmp_path: Path, decoder: dict[str, Any]) -> None:
    with serving(tmp_path, drain_s=0.3, m=decoder) as live:
        started = children(live.process.pid)
        streams = [begin(live, 30_000) for begin in STREAMS.values()]
        live.process.send_signal(signal.SIGTERM)
        for stream in streams:
            *events, last = stream.rest()
            assert text_of(events)
            assert last["error"]
        ended(live)
        gone(started)
