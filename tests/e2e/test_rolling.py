"""Rolling updates under load, over HTTP: each request is answered once, and rightly, whatever places the replicas."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from jackfield import Server
from jackfield.errors import LoadError
from tests.e2e.company import quiet, until
from tests.e2e.launch import Live, launched
from tests.e2e.sockets import Raw, doubled, post, rows

EXAMPLE = Path(__file__).parents[2] / "examples" / "updates.yaml"
MODEL: dict[str, Any] = {"source": f"{Path(__file__).parent / 'models.py'}:Double"}
CLIENTS = 4


def _count(live: Live, text: str) -> int:
    return live.log.read_text().count(text)


def _roll(live: Live, double: Mapping[str, Any], outcome: str = '"rolled":["double"]') -> None:
    """Another section for the model, and wait until the server has gone over to it."""
    config = {"server": {"port": 0}, "models": {"double": double}, "log": {"format": "json"}}
    new = live.log.with_name("new.yaml")
    new.write_text(yaml.safe_dump(config))
    new.rename(live.log.with_name("jackfield.yaml"))
    before = _count(live, outcome)
    live.process.send_signal(signal.SIGHUP)
    until(lambda: _count(live, outcome) > before, "the update")


def _ask(live: Live, client: int, stop: threading.Event, sent: list[int], wrong: list[str]) -> None:
    """Four requests at a time on one connection, each with numbers of its own."""
    try:
        with Raw(live) as raw:
            for turn in itertools.count():
                if stop.is_set():
                    return
                firsts = [float(client * 4 + n + turn % 7 * 20) for n in range(4)]
                raw.send(*(post("double", rows(first)) for first in firsts))
                for first, answer in zip(firsts, raw.answers(4), strict=True):
                    sent[client] += 1
                    if answer.status != 200 or answer.json["outputs"][0]["data"] != doubled(first):
                        wrong.append(f"{answer.status} {answer.body[:200]!r}")
    except Exception as error:
        wrong.append(repr(error))


@pytest.mark.parametrize("placements", [("thread", "thread", "thread", "thread"), ("process", "process", "thread")])
def test_updates_under_load_fail_no_request(tmp_path: Path, placements: tuple[str, ...]) -> None:
    stop, sent, wrong = threading.Event(), [0] * CLIENTS, list[str]()
    with launched({"models": {"double": MODEL}}, tmp_path) as live:
        threads = [threading.Thread(target=_ask, args=(live, n, stop, sent, wrong)) for n in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            until(lambda: all(sent) or bool(wrong))
            for number, placement in enumerate(placements):
                before = sum(sent)
                _roll(live, {**MODEL, "placement": placement, "load_timeout_s": 500 + number})
                until(lambda before=before: sum(sent) > before + CLIENTS or bool(wrong))  # type: ignore[misc]
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
        assert not wrong, wrong[:3]
        counts = quiet(live, "double")
        assert counts["jackfield_requests_accepted_total"] == counts["jackfield_requests_total:completed"] == sum(sent)
        index = live.ask("POST", "/v2/repository/index").json
        assert index == [{"name": "double", "version": "1", "state": "READY", "reason": ""}]
        _roll(live, {**MODEL, "source": f"{Path(__file__)}:Missing"}, '"event":"model was not changed"')
        failed = live.ask("POST", "/v2/repository/index").json
        assert [(row["state"], "no class 'Missing'" in row["reason"]) for row in failed] == [("READY", True)], failed
        events = [json.loads(line) for line in live.log.read_text().splitlines() if line.startswith("{")]
        states = [line["event"] for line in events if line.get("model") == "double" and "model is" in line["event"]]
        assert states.count("model is unloaded") == len(placements)


def test_the_example_knows_its_answers_wherever_its_replica_is() -> None:
    async def rolls() -> None:
        async with Server(EXAMPLE) as server:
            section = server.config.models["scale"]
            golden = section.update.golden[0]
            assert server.versions[0].aside.completed == 1
            update = {"golden": [{"inputs": golden.inputs, "outputs": {"total": [20.0, 52.0]}, "rtol": golden.rtol}]}
            model = {"source": section.source, "version": "2", "placement": "process", "update": update}
            await server.load("scale", model)
            update["golden"][0]["outputs"] = {"total": [20.0, 52.1]}
            with pytest.raises(LoadError, match=r"'total' is off by up to 0\.1 "):
                await server.load("scale", model)
            assert (await server.infer("scale", {"x": [[1, 2, 3, 4]]})).outputs["total"].tolist() == [20.0]

    asyncio.run(rolls())
