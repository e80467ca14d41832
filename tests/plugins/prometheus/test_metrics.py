"""Metrics after a run whose outcome is known, in the format that Prometheus reads."""

from __future__ import annotations

import asyncio
import math
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from jackfield import App, Server
from jackfield.errors import ConfigError, InvalidRequest, NotFound, Overloaded
from jackfield.testing import Fault, ScriptedExecutor, make_request
from jackfield_plugins import prometheus
from jackfield_plugins.prometheus.histogram import Histogram
from tests.core.lifecycle.fakes import configured, in_loop, plugged, until

Metrics = dict[tuple[str, tuple[tuple[str, str], ...]], float]
Run = Callable[[Server, ScriptedExecutor], Awaitable[None]]


async def _scraped(run: Run, path: str = "/metrics", method: str = "GET", **options: Any) -> tuple[int, str]:
    """What the endpoint answers after `run`."""
    executor = ScriptedExecutor(poison={9.0: Fault.RAISE})
    registry = plugged(
        lambda: executor,
        observer=dict(prometheus.jackfield_observers()),
        endpoint=dict(prometheus.jackfield_endpoints()),
    )
    config = configured(scheduler={"max_queue": 1}) | {
        "observers": {"prometheus": {"triton_names": True} | options},
        "endpoints": {"metrics": {}},
    }
    app = App(Server(config, registry=registry))
    async with app.server:
        await run(app.server, executor)
        return await _asked(app, path, method)


async def _asked(app: App, path: str, method: str) -> tuple[int, str]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent).decode()


def _parsed(text: str) -> Metrics:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def _eventful(server: Server, executor: ScriptedExecutor) -> None:
    """Completed: 3 of 1, 2 and 3 rows; failed, cancelled, expired, shed, invalid and not found: one each."""
    for rows in (1, 2, 3):
        await server.submit(make_request(rows)).future
    await asyncio.gather(server.submit(make_request(value=9.0)).future, return_exceptions=True)
    await asyncio.gather(server.submit(make_request(timeout=0)).future, return_exceptions=True)
    executor.gate.clear()
    running = server.submit(make_request(value=1.0))
    await until(lambda: executor.runs[-1][0, 0] == 1.0)
    waiting = server.submit(make_request())
    with pytest.raises(Overloaded):
        server.submit(make_request())
    server.cancel(running)
    server.cancel(waiting)
    executor.gate.set()
    await until(lambda: server.versions[0].waiting == 0)
    with pytest.raises(InvalidRequest):
        server.submit(make_request(99))
    with pytest.raises(NotFound):
        server.submit(make_request(model='a"},{b="1\n'))


async def _nothing(server: Server, executor: ScriptedExecutor) -> None:
    """Nobody asks anything."""


OF = (("model", "double"), ("version", "1"))


@in_loop
async def test_the_ledger_is_shown_as_it_is() -> None:
    status, text = await _scraped(_eventful)
    found = _parsed(text)
    assert status == 200
    assert found["jackfield_ready", ()] == 1.0
    assert found["jackfield_requests_accepted_total", OF] == 7
    states = {"completed": 3, "failed": 1, "cancelled": 2, "expired": 1}
    for state, count in states.items():
        assert found["jackfield_requests_total", tuple(sorted((*OF, ("state", state))))] == count
    for reason, count in {"shed": 1, "invalid": 1, "unavailable": 0}.items():
        assert found["jackfield_requests_refused_total", tuple(sorted((*OF, ("reason", reason))))] == count
    assert found["jackfield_unknown_model_requests_total", ()] == 1
    assert found["jackfield_outstanding_requests", OF] == 0
    assert found["jackfield_rows_total", OF] == 6
    assert found["jackfield_request_seconds_count", OF] == 3
    assert found["jackfield_queue_seconds_count", OF] == 3
    assert found["jackfield_step_rows_sum", OF] >= 7
    assert found["jackfield_failed_steps_total", OF] == 1
    assert found["jackfield_model_state", (("model", "double"), ("state", "ready"), ("version", "1"))] == 1
    assert sum(value for (name, _), value in found.items() if name == "jackfield_model_state") == 1


@in_loop
async def test_the_names_that_dashboards_for_triton_expect() -> None:
    _, text = await _scraped(_eventful)
    found = _parsed(text)
    assert found["nv_inference_request_success", OF] == 3
    for reason, count in {"REJECTED": 2, "CANCELED": 2, "BACKEND": 1, "OTHER": 1}.items():
        assert found["nv_inference_request_failure", tuple(sorted((*OF, ("reason", reason))))] == count
    assert found["nv_inference_count", OF] == 6
    assert found["nv_inference_exec_count", OF] >= 4
    assert found["nv_inference_pending_request_count", OF] == 0
    for phase in ("request", "queue", "compute_input", "compute_infer", "compute_output"):
        assert found[f"nv_inference_{phase}_duration_us", OF] >= 0
    assert not any(name.startswith("nv_") for name, _ in _parsed((await _scraped(_nothing, triton_names=False))[1]))


@in_loop
async def test_no_value_is_negative_or_no_number() -> None:
    _, text = await _scraped(_eventful)
    for key, value in _parsed(text).items():
        assert value >= 0, key
        assert math.isfinite(value), key


@in_loop
async def test_a_client_makes_no_series() -> None:
    async def hostile(server: Server, executor: ScriptedExecutor) -> None:
        for number in range(50):
            with pytest.raises(NotFound):
                server.submit(make_request(model=f'x{number}"}} 1\nevil 1'))
        for number in range(50):
            name = f"evil{number}"
            await server.submit(
                make_request(id=name, tenant=name, trace=name, parameters={name: name}, priority=number)
            ).future

    _, quiet = await _scraped(_nothing)
    _, text = await _scraped(hostile)
    assert "evil" not in text
    assert {name for name, _ in _parsed(text)} >= {name for name, _ in _parsed(quiet)}
    labels = {label for _, labels in _parsed(text) for label, _ in labels}
    assert labels <= {"model", "version", "state", "reason", "le"}
    assert {value for _, labels in _parsed(text) for label, value in labels if label == "model"} == {"double"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize("run", [_nothing, _eventful], ids=["nothing", "eventful"])
@in_loop
async def test_promtool_finds_no_fault(run: Run) -> None:
    _, text = await _scraped(run, triton_names=False)
    done = await asyncio.to_thread(
        subprocess.run, ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@in_loop
async def test_buckets_are_options_and_cumulative() -> None:
    _, text = await _scraped(_eventful, batch_buckets=[3, 1])
    found = _parsed(text)
    buckets = {
        dict(labels)["le"]: value for (name, labels), value in found.items() if name == "jackfield_step_rows_bucket"
    }
    assert list(buckets) == ["1.0", "3.0", "+Inf"]
    assert buckets["1.0"] <= buckets["3.0"] <= buckets["+Inf"]


@in_loop
async def test_other_paths_and_methods_are_refused() -> None:
    assert (await _scraped(_nothing, method="POST"))[0] == 405
    assert (await _scraped(_nothing, path="/metrics/more"))[0] == 404
    assert (await _scraped(_nothing, path="/metrics/"))[0] == 200


def test_the_endpoint_needs_the_observer() -> None:
    registry = plugged(observer=dict(prometheus.jackfield_observers()), endpoint=dict(prometheus.jackfield_endpoints()))
    config = configured() | {"endpoints": {"metrics": {}}}
    with pytest.raises(ConfigError, match=r"endpoints\.metrics: it shows the observer 'prometheus'"):
        App(Server(config, registry=registry))


def test_a_value_on_a_bound_belongs_to_its_bucket() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 3.0):
        histogram.observe(value)
    assert histogram.buckets() == [("1.0", 2.0), ("2.0", 4.0), ("+Inf", 5.0)]
    assert histogram.total == 8.0


@in_loop
async def test_a_version_that_is_gone_leaves_its_requests_only_and_one_of_the_same_name_goes_on() -> None:
    registry = plugged(observer=dict(prometheus.jackfield_observers()), endpoint=dict(prometheus.jackfield_endpoints()))
    config = configured() | {"observers": {"prometheus": {"triton_names": True}}, "endpoints": {"metrics": {}}}
    app = App(Server(config, registry=registry))
    async with app.server as server:
        section = server.config.models["double"]
        for version in ("1", "1", "2", "3", "3"):
            await server.load("double", section.model_copy(update={"version": version}))
            await server.submit(make_request()).future
        found = _parsed((await _asked(app, "/metrics", "GET"))[1])
        assert {dict(labels)["version"] for _, labels in found if "version" in dict(labels)} == {"3", ""}
        left = {name for name, labels in found if dict(labels).get("version") == ""}
        assert left == {f"jackfield_requests{one}_total" for one in ("", "_accepted", "_refused")}
        assert sum(value for (name, _), value in found.items() if name == "jackfield_requests_accepted_total") == 5
        counted = [value for (name, _), value in found.items() if name == "jackfield_rows_total"]
        times = [value for (name, _), value in found.items() if name == "jackfield_request_seconds_count"]
        assert (counted, times) == ([2.0], [2.0])
