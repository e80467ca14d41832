"""Plugins that fail while the server runs. (Those that fail at import are tested with the plugin manager.)"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.company import neighbour, quiet, refusal, survived, until
from tests.e2e.launch import Live, launched
from tests.e2e.sockets import Raw, content, doubled, head

DOUBLE = f"{Path(__file__).parent / 'models.py'}:Double"
SOURCE = '''
from jackfield import BatchingPolicy, Endpoint, Observer, Route, Router, Scheduler, Wait, hookimpl

jackfield_api = "1.0"


class Broken(Observer):
    """Raises whatever it is told."""

    def accepted(self, *told):
        raise RuntimeError("accepted")

    def settled(self, *told):
        raise ValueError("settled")

    def stepped(self, *told):
        raise KeyError("stepped")

    def refused(self, *told):
        raise OSError("/srv/secret")

    def changed(self, *told):
        raise ZeroDivisionError


class Angry(BatchingPolicy):
    """Never plans anything."""

    def plan(self, waiting, running, capacity, now):
        raise RuntimeError("/srv/secret: no")


class Moody(BatchingPolicy):
    """Raises every other time."""

    calls = 0

    def plan(self, waiting, running, capacity, now):
        self.calls += 1
        if self.calls % 2 == 0:
            raise RuntimeError("not now")
        return [next(iter(waiting))]

    def observe(self, step, now):
        raise RuntimeError("nor later")


class Liar(BatchingPolicy):
    """Plans what is nobody's."""

    def plan(self, waiting, running, capacity, now):
        return [object(), *waiting]


class Idle(BatchingPolicy):
    """Waits for good."""

    def plan(self, waiting, running, capacity, now):
        return Wait(None, 1_000_000)


class Closed(Scheduler):
    """Takes nothing in."""

    def add(self, work, now):
        raise RuntimeError("full")

    def remove(self, work):
        raise RuntimeError("empty")

    def offer(self, now):
        raise RuntimeError("nothing")

    def __len__(self):
        raise RuntimeError("none")


class Nowhere(Endpoint):
    """Raises on every request."""

    def routes(self):
        return [Route("/nowhere", self.answer)]

    async def answer(self, scope, receive, send):
        raise RuntimeError("/srv/secret")


class Lost(Router):
    """Finds no replica."""

    def choose(self, request, rows, replicas):
        raise RuntimeError("/srv/secret")


@hookimpl
def jackfield_observers():
    return {"broken": Broken}


@hookimpl
def jackfield_batching_policies():
    return {"angry": Angry, "moody": Moody, "liar": Liar, "idle": Idle}


@hookimpl
def jackfield_schedulers():
    return {"closed": Closed}


@hookimpl
def jackfield_routers():
    return {"lost": Lost}


@hookimpl
def jackfield_endpoints():
    return {"nowhere": Nowhere}
'''


@pytest.fixture(scope="module")
def infested(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with all of these, and one model that has none of them."""
    site = tmp_path_factory.mktemp("site")
    (site / "hostile_plugin.py").write_text(SOURCE)
    information = site / "hostile_plugin-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile-plugin\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[jackfield]\nhostile = hostile_plugin\n")
    policies = ("angry", "moody", "liar", "idle")
    config = {
        "models": {
            "double": {"source": DOUBLE},
            **{name: {"source": DOUBLE, "batching": name} for name in policies},
            "closed": {"source": DOUBLE, "scheduler": "closed"},
            "lost": {"source": DOUBLE, "router": "lost", "replicas": 2},
        },
        "observers": {"broken": {}, "prometheus": {}, "access-log": {}},
        "endpoints": {"open-inference": {}, "metrics": {}, "nowhere": {}},
    }
    folder = tmp_path_factory.mktemp("infested")
    places = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    with launched(config, folder, environ={**os.environ, "PYTHONPATH": places}) as live:
        yield live


def test_an_observer_that_raises_on_every_event(infested: Live) -> None:
    with neighbour(infested):
        for first in range(5):
            answer = infested.infer("double", content(first))
            assert (answer.status, answer.json["outputs"][0]["data"]) == (200, doubled(first))
        refusal(infested.infer("double", content(666)), 500)
        refusal(infested.infer("double", {"inputs": []}), 400)
        refusal(infested.infer("unknown", content(1)), 404)
    survived(infested, "double")
    lines = [json.loads(line) for line in infested.log.read_text().splitlines()]
    told = [line for line in lines if line["event"] == "observer raised and is not told again"]
    assert [line["observer"] for line in told] == ["broken"] * 5  # once for each kind of event


@pytest.mark.parametrize("model", ["angry", "liar", "closed"])
def test_a_policy_that_never_plans_costs_its_own_requests(infested: Live, model: str) -> None:
    with neighbour(infested):
        for first in range(5):
            sentence = refusal(infested.infer(model, content(first)), 500)
            assert sentence.endswith(f"of replica '{model}/1/0' failed")
    survived(infested, model)
    assert quiet(infested, model)["jackfield_requests_total:failed"] == 5


def test_a_policy_that_raises_now_and_then(infested: Live) -> None:
    statuses = []
    with neighbour(infested):
        for first in range(8):
            answer = infested.infer("moody", content(first))
            statuses.append(answer.status)
            if answer.status == 200:
                assert answer.json["outputs"][0]["data"] == doubled(first)
            else:
                refusal(answer, 500)
    assert set(statuses) == {200, 500}
    survived(infested, "moody")


def test_a_policy_that_waits_for_good_lets_requests_expire_and_be_cancelled(infested: Live) -> None:
    with neighbour(infested):
        expired = infested.infer("idle", {**content(1), "parameters": {"timeout": 100_000}})
        assert refusal(expired, 503) == "Request timeout expired"
        with Raw(infested) as raw:
            body = json.dumps(content(1)).encode()
            raw.send(head("POST", "/v2/models/idle/infer", ("Content-Length", len(body))), body)
            until(lambda: infested.statistics("idle")["jackfield_outstanding_requests"] == 1, "it to wait")
        counts = quiet(infested, "idle")
    assert counts["jackfield_requests_total:expired"] == counts["jackfield_requests_total:cancelled"] == 1
    survived(infested, "idle")


def test_a_router_that_raises_is_done_without(infested: Live) -> None:
    with neighbour(infested):
        for first in range(3):
            answer = infested.infer("lost", content(first))
            assert (answer.status, answer.json["outputs"][0]["data"]) == (200, doubled(first))
    survived(infested, "lost")


def test_an_endpoint_that_raises(infested: Live) -> None:
    with neighbour(infested):
        for _ in range(3):
            answer = infested.ask("POST", "/nowhere", b"{}")
            assert answer.status == 500
            assert b"secret" not in answer.body
            assert b"Traceback" not in answer.body
    survived(infested)
