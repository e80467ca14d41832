"""Workers that are killed or hang, at any moment and repeatedly: nobody goes without an answer, and readiness tells."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.company import quiet, refusal, until
from tests.e2e.launch import Live, launched
from tests.e2e.models import GATED
from tests.e2e.processes import gone, workers
from tests.e2e.sockets import content, doubled
from tests.e2e.streaming import Streaming, text_of, wide_context

MODELS = Path(__file__).with_name("models.py")
RESTARTS = {"limit": 1000, "delay_s": 0.05, "max_delay_s": 0.2}
SAMPLED = {"temperature": 0.8, "seed": 7}
PLACEMENT = {"name": "process"}
WATCHED = {"name": "process", "silence_s": 2}  # where something hangs: a machine that stands still is no reason to die


@contextmanager
def serving(folder: Path, **models: Any) -> Iterator[Live]:
    """A server with those models in processes; GATE names `folder/gate`, which is there at first."""
    own = {name: {"placement": PLACEMENT, "restarts": RESTARTS, **model} for name, model in models.items()}
    (folder / "gate").touch()
    environ = {**os.environ, "GATE": str(folder / "gate"), "OMP_NUM_THREADS": "1"}
    with launched({"models": own}, folder, environ=environ) as live:
        yield live


def source(cls: str, **more: Any) -> dict[str, Any]:
    return {"source": f"{MODELS}:{cls}", **more}


def struck(live: Live, number: signal.Signals) -> list[int]:
    """Send `number` to every worker there is."""
    found = workers(live.process.pid)
    for pid in found:
        os.kill(pid, number)
    return found


def is_ready(live: Live) -> bool:
    return live.ask("GET", "/v2/health/ready").status == 200


def balanced(live: Live, model: str, completed: int) -> None:
    """All that was accepted was answered, and so many rightly."""
    counts = quiet(live, model)
    assert counts["jackfield_requests_accepted_total"] == counts["jackfield_requests_total:completed"] == completed


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_readiness_goes_and_comes_back(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path, gated=source("GatedOpening", placement=WATCHED)) as live:
        assert live.infer("gated", content(1)).status == 200
        (tmp_path / "gate").unlink()
        before = struck(live, number)
        until(lambda: not is_ready(live), "it to be not ready")
        gone(before)
        answer = live.infer("gated", content(2))
        assert "not ready" in refusal(answer, 503)
        assert answer.headers["retry-after"]
        for _ in range(2):  # those that come in its place are killed while they load
            until(lambda: len(workers(live.process.pid)) == 1, "another to be started")
            gone(struck(live, signal.SIGKILL))
        (tmp_path / "gate").touch()
        until(lambda: is_ready(live), "it to be ready again")
        answer = live.infer("gated", content(3))
        assert (answer.status, answer.json["outputs"][0]["data"]) == (200, [3, 1, 2, 3])
        assert "could not be started again" in live.log.read_text()
        balanced(live, "gated", 2)


def test_one_that_hangs_costs_its_requests_nothing_but_time(tmp_path: Path) -> None:
    with (
        serving(tmp_path, double=source("Double", replicas=2, placement=WATCHED)) as live,
        ThreadPoolExecutor(8) as pool,
    ):
        first, _ = workers(live.process.pid)
        os.kill(first, signal.SIGSTOP)
        answers = [pool.submit(live.infer, "double", content(number)) for number in range(8)]
        for number, answer in enumerate(answers):
            assert answer.result().json["outputs"][0]["data"] == doubled(number)
        gone([first])
        balanced(live, "double", 8)


def test_killed_again_and_again_while_requests_wait_and_run(tmp_path: Path) -> None:
    gate, rounds, each = tmp_path / "gate", 3, 4
    with serving(tmp_path, gated=source("Gated")) as live, ThreadPoolExecutor(each) as pool:
        for _ in range(rounds):
            until(lambda: is_ready(live), "it to be ready")
            gate.unlink()
            answers = [pool.submit(live.infer, "gated", content(GATED + number)) for number in range(each)]
            until(lambda: live.statistics("gated")["jackfield_outstanding_requests"] == each, "them to be accepted")
            gone(struck(live, signal.SIGKILL))
            gate.touch()
            for number, answer in enumerate(answers):
                assert answer.result().json["outputs"][0]["data"] == doubled(GATED + number)
        balanced(live, "gated", rounds * each)


@pytest.fixture(scope="module")
def generating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("generating")
    with serving(folder, m={**wide_context(folder / "tiny"), "placement": WATCHED}) as live:
        yield live


@pytest.fixture(scope="module")
def undisturbed(generating: Live) -> list[str]:
    return [text_of(stream(generating).rest()), text_of(stream(generating, **SAMPLED).rest())]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_streams_go_on_with_the_same_tokens(generating: Live, undisturbed: list[str], number: signal.Signals) -> None:
    before = quiet(generating, "m")["jackfield_requests_total:completed"]
    streams = [stream(generating), stream(generating, **SAMPLED)]
    found = struck(generating, number)
    assert [text_of(one.rest()) for one in streams] == undisturbed
    gone(found)  # which takes longer than the streams if they were over before the strike
    until(lambda: is_ready(generating), "it to be ready again")
    assert quiet(generating, "m")["jackfield_requests_total:completed"] == before + 2


def stream(live: Live, **parameters: Any) -> Streaming:
    more = {"prompt": "the quick brown fox", "stream": True, "max_tokens": 100}
    return Streaming(live, "/v1/completions", **more, **parameters)


def test_a_worker_that_is_killed_before_it_was_ever_ready(tmp_path: Path) -> None:
    config = {
        "server": {"exit_on_load_error": False},
        "models": {"gated": source("GatedOpening", placement=PLACEMENT), "double": source("Double")},
    }
    environ = {**os.environ, "GATE": str(tmp_path / "gate")}
    with launched(config, tmp_path, ready=False, environ=environ) as live:
        until(lambda: len(workers(live.process.pid)) == 1, "it to be started")
        gone(struck(live, signal.SIGKILL))
        until(lambda: "SIGKILL" in live.ask("GET", "/v2/models/gated/ready").json["error"], "it to have failed")
        until(lambda: live.infer("double", content(4)).status == 200, "the other to be ready")
        index = {one["name"]: one["state"] for one in live.ask("POST", "/v2/repository/index").json}
        assert index == {"double": "READY", "gated": "UNAVAILABLE"}
