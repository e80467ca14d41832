"""More than can be answered: it is said before anything costs, and the connection goes on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.company import held, quiet, refusal, until
from tests.e2e.launch import Answer, Live, launched
from tests.e2e.sockets import Raw, content, head, post, rows

HERE = Path(__file__).parent


SLOW = {
    "source": f"{HERE / 'models.py'}:Slow",
    "batching": "none",
    "scheduler": {"policy": "fifo", "max_queue": 1, "max_queue_bytes": 1000},
    "warm_up": "off",
    "overlap": False,
}
CONFIG = {
    "models": {"slow": SLOW, "double": {"source": f"{HERE / 'models.py'}:Double"}},
    "endpoints": {"open-inference": {"overload_status": 429}, "metrics": {}},
}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """`slow`, one request at a time, with room for one more and 1000 bytes."""
    with launched(CONFIG, tmp_path_factory.mktemp("strict")) as live:
        yield live


@pytest.fixture
def full(strict: Live) -> Iterator[Live]:
    """A request is on the device of `slow`, and another one waits."""
    quiet(strict, "slow")
    with ThreadPoolExecutor(1) as pool:
        with held(strict, "slow"):
            waiting = pool.submit(strict.infer, "slow", content(0.0))
            until(lambda: strict.statistics("slow")["jackfield_outstanding_requests"] == 2, "another to wait")
            yield strict
        assert waiting.result().status == 200


def _is_overload(answer: Answer) -> bool:
    assert int(answer.headers["retry-after"]) >= 1
    return "1 requests wait for model 'slow', at most 1 may" in refusal(answer, 429)


def test_it_is_said_before_the_body_is_decoded_and_counted_once(full: Live) -> None:
    before = full.statistics("slow")
    with Raw(full) as raw:
        for body in (b"{no json", rows(0.0), b""):
            assert _is_overload(raw.send(post("slow", body)).answer())
        raw.send(*[post("slow", b"{no json")] * 20)
        assert all(_is_overload(answer) for answer in raw.answers(20))
    after = full.statistics("slow")
    reasons = ("shed", "invalid", "unavailable")
    refused = [after[key] - before[key] for key in (f"jackfield_requests_refused_total:{one}" for one in reasons)]
    assert refused == [23.0, 0.0, 0.0]


def test_it_is_said_before_the_body_has_come(full: Live) -> None:
    body = rows(0.0)
    with Raw(full) as raw:
        assert _is_overload(raw.send(post("slow", body)[: -len(body)]).answer())
        raw.send(body, post("double", rows(1.0)))  # what was left of the body is not taken for a request
        assert raw.answer().json["outputs"][0]["data"][0] == 2.0


def test_a_large_body_is_not_waited_for(full: Live) -> None:
    with Raw(full) as raw:
        raw.send(head("POST", "/v2/models/slow/infer", ("Content-Length", 10_000_000)))
        answer = raw.answer()
        assert _is_overload(answer)
        assert answer.headers["connection"] == "close"
        assert raw.is_closed


def test_a_body_that_is_too_large_whatever_waits_is_told_so(full: Live) -> None:
    with Raw(full) as raw:
        raw.send(head("POST", "/v2/models/slow/infer", ("Content-Length", 10**12)))
        assert "bytes or more, at most" in refusal(raw.answer(), 413)


def test_the_bytes_that_are_declared_are_too_many(strict: Live) -> None:
    quiet(strict, "slow")
    with held(strict, "slow"), Raw(strict) as raw:
        raw.send(head("POST", "/v2/models/slow/infer", ("Content-Length", 985)))
        said = refusal(raw.answer(), 429)
    assert "16 bytes of inputs are held for model 'slow', at most 1000 may be" in said


def _seen(live: Live, asked: Future[Answer]) -> bool:
    """Whether what was asked is answered, or waits."""
    return asked.done() or live.statistics("slow")["jackfield_waiting_requests"] > 0


def test_a_deadline_that_cannot_be_kept_is_shed_and_not_expired(tmp_path: Path) -> None:
    with launched(CONFIG, tmp_path) as live:  # a server of its own, which knows slow steps only
        assert live.infer("slow", content(1.0)).status == 200
        for _ in range(3):
            before = quiet(live, "slow")
            with ThreadPoolExecutor(1) as pool:
                with held(live, "slow"):
                    asked = pool.submit(live.infer, "slow", {**content(0.0), "parameters": {"timeout": 50_000}})
                    until(partial(_seen, live, asked))
                answer = asked.result()
            if answer.status == 429:  # or the machine stood still, and the step had lasted as long as such steps do
                break
        assert re.search(r"this one's deadline is in 0\.0\d* s", refusal(answer, 429))  # 0.05 s, less what has passed
        assert int(answer.headers["retry-after"]) >= 1
        after = quiet(live, "slow")
    expired, accepted = "jackfield_requests_total:expired", "jackfield_requests_accepted_total"
    assert (after[expired] - before[expired], after[accepted] - before[accepted]) == (0, 1)
