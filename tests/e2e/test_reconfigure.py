"""Options are changed under load: every request is answered once, and rightly; and by SIGHUP, as far as can be."""

from __future__ import annotations

import itertools
import json
import signal
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.company import quiet, until
from tests.e2e.launch import Live, launched
from tests.e2e.sockets import Raw, content, doubled, post, rows

HERE = Path(__file__).parent
CLIENTS = 6
CHANGES = 50
DOUBLE: dict[str, Any] = {"source": f"{HERE / 'models.py'}:Double", "timeout_s": 30}
OTHER: dict[str, Any] = {"source": f"{HERE / 'models.py'}:Text"}
BATCHING = ["none", {"policy": "dynamic", "max_batch_size": 4, "max_delay_ms": 2}, {"policy": "adaptive"}, "dynamic"]
SCHEDULER = ["fifo", {"policy": "priority", "levels": 5}, "deadline", {"policy": "fair", "max_queue": 99}, "priority"]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """`double` and `text`, each from the same file."""
    with launched({"models": {"double": DOUBLE, "text": OTHER}}, tmp_path) as server:
        yield server


def _write(live: Live, text: str) -> None:
    """A new configuration file, there at once as a whole."""
    new = live.log.with_name("new.yaml")
    new.write_text(text)
    new.rename(live.log.with_name("jackfield.yaml"))


def _configured(double: Mapping[str, Any], **more: Any) -> str:
    settings = {"server": {"port": 0}, "models": {"double": double, "text": OTHER}, "log": {"format": "json"}}
    return yaml.safe_dump({**settings, **more})


def _events(live: Live, event: str) -> list[Mapping[str, Any]]:
    lines = (line for line in live.log.read_text().splitlines() if line.startswith("{"))
    return [line for line in map(json.loads, lines) if line["event"] == event]


def _reload(live: Live, event: str = "reloaded") -> Mapping[str, Any]:
    """Send SIGHUP, and wait for the line that says what came of it."""
    before = len(_events(live, event))
    live.process.send_signal(signal.SIGHUP)
    until(lambda: len(_events(live, event)) > before, f"'{event}' in the log")
    return _events(live, event)[-1]


def test_fifty_changes_under_load_lose_and_double_nothing(live: Live) -> None:
    stop = threading.Event()
    sent = [0] * CLIENTS
    wrong: list[str] = []

    def ask(client: int) -> None:
        """Eight requests at a time on one connection, so that some always wait; each has numbers of its own."""
        try:
            with Raw(live) as raw:
                for turn in itertools.count():
                    if stop.is_set():
                        return
                    firsts = [float(client * 8 + n + turn % 7 * 50) for n in range(8)]
                    firsts = [first for first in firsts if first != 404]
                    raw.send(*(post("double", rows(first, *[first] * (turn % 3))) for first in firsts))
                    for first, answer in zip(firsts, raw.answers(len(firsts)), strict=True):
                        sent[client] += 1
                        if answer.status != 200 or answer.json["outputs"][0]["data"] != doubled(
                            first, *[first] * (turn % 3)
                        ):
                            wrong.append(f"{answer.status} {answer.body[:200]!r}")
        except Exception as error:
            wrong.append(repr(error))

    threads = [threading.Thread(target=ask, args=(client,)) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: all(sent) or bool(wrong))
        for number in range(CHANGES):
            before = sum(sent)
            double = {
                **DOUBLE,
                "batching": BATCHING[number % len(BATCHING)],
                "scheduler": SCHEDULER[number % len(SCHEDULER)],
                "timeout_s": 30 + number,
            }
            _write(live, _configured(double))
            assert _reload(live)["changed"] == ["double"]
            until(lambda before=before: sum(sent) > before + CLIENTS or bool(wrong))  # type: ignore[misc]
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert not wrong, wrong[:3]
    counts = quiet(live, "double")
    assert counts["jackfield_requests_accepted_total"] == counts["jackfield_requests_total:completed"] == sum(sent)


def test_metadata_and_metrics_follow(live: Live) -> None:
    def most() -> int:
        return int(live.ask("GET", "/v2/models/double/config").json["max_batch_size"])

    assert most() == 32
    _write(live, _configured({**DOUBLE, "batching": {"policy": "adaptive", "max_batch_size": 4}}))
    done = _reload(live)
    assert (done["changed"], done["restart"], done["failed"]) == (["double"], 0, 0)
    assert most() == 4
    assert live.infer("double", content(*[1.0] * 5)).status == 400
    assert live.infer("double", content(*[1.0] * 4)).status == 200
    assert "best_rows" in live.ask("GET", "/metrics").body.decode()


def test_a_faulty_file_changes_nothing_and_is_explained(live: Live) -> None:
    for text, problem in (
        (_configured({**DOUBLE, "batching": {"policy": "dynamic", "max_batch_size": 0}}), "max_batch_size: got 0"),
        ("models: [", "jackfield.yaml"),
        (_configured({**DOUBLE, "scheduler": "fastest"}), "models.double.scheduler"),
    ):
        _write(live, text)
        line = _reload(live, "not reloaded: nothing was changed")
        assert line["level"] == "error"
        assert any(problem in one for one in line["problems"]), line
        assert live.infer("double", content(7.0)).json["outputs"][0]["data"] == doubled(7.0)
    (live.log.with_name("jackfield.yaml")).unlink()
    assert _reload(live, "not reloaded: nothing was changed")["problems"]
    _write(live, _configured(DOUBLE))
    assert _reload(live)["changed"] == []


def test_models_come_go_and_roll_and_what_needs_a_restart_is_named(live: Live) -> None:
    more = {"server": {"port": 0, "name": "another"}}
    models = {"double": {**DOUBLE, "version": "2", "overlap": False}, "new": OTHER, "broken": {"source": "none.py:No"}}
    _write(live, yaml.safe_dump({"models": models, "log": {"format": "json"}, **more}))
    done = _reload(live)
    assert {what: done[what] for what in ("changed", "loaded", "rolled", "unloaded", "failed")} == {
        "changed": [],
        "loaded": ["new"],
        "rolled": ["double"],
        "unloaded": ["text"],
        "failed": 1,
    }
    assert [line["path"] for line in _events(live, "needs a restart")] == ["server.name"]
    assert [line["model"] for line in _events(live, "model was not changed")] == ["broken"]
    assert live.ask("GET", "/v2").json["name"] == "jackfield"
    assert live.infer("double", content(7.0)).json["model_version"] == "2"
    assert (live.ask("GET", "/v2/models/text").status, live.ask("GET", "/v2/models/new").status) == (404, 200)
    assert live.ask("GET", "/v2/health/ready").status == 200, "what never served does not make it unready"
    index = {(row["name"], row["version"]): row for row in live.ask("POST", "/v2/repository/index").json}
    assert {key: row["state"] for key, row in index.items()} == {
        ("double", "2"): "READY",
        ("new", "1"): "READY",
        ("broken", "1"): "UNAVAILABLE",
    }
    assert "No such file" in index["broken", "1"]["reason"]
