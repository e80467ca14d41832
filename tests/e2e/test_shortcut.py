"""The shortcut for small requests whose head came before: no answer tells it from the long way."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.e2e.company import closed, quiet, until
from tests.e2e.hostile import GATED, RAISES, WAITS
from tests.e2e.launch import Answer, Live, launched
from tests.e2e.sockets import Raw, content, doubled, head, post, rows

HERE = Path(__file__).parent
CHANGING = {"date", "server-timing"}


def told(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    return answer.status, {k: v for k, v in answer.headers.items() if k not in CHANGING}, answer.body


def binary(*firsts: float) -> bytes:
    import numpy as np

    array = np.array([[first, 1, 2, 3] for first in firsts], np.float32)
    meta = {
        "inputs": [
            {"name": "x", "shape": array.shape, "datatype": "FP32", "parameters": {"binary_data_size": array.nbytes}}
        ],
        "parameters": {"binary_data_output": True},
    }
    text = json.dumps(meta).encode()
    body = text + array.tobytes()
    length = ("Content-Length", len(body))
    return head("POST", "/v2/models/double/infer", length, ("Inference-Header-Content-Length", len(text))) + body


REQUESTS = {
    "json": post("double", rows(1)),
    "rows": post("double", rows(1, 2, 3)),
    "binary": binary(4, 5),
    "own id": post("double", json.dumps({"id": "mine", **content(1)}).encode(), ("X-Request-Id", "theirs")),
    "trace": post("double", rows(1), ("traceparent", f"00-{'a' * 32}-{'b' * 16}-01")),
    "keep-alive": post("double", rows(1), ("Connection", "keep-alive")),
    "close": post("double", rows(1), ("Connection", "close")),
    "gzip": post("double", rows(1), ("Accept-Encoding", "gzip")),
    "large and gzip": post("double", rows(*range(3000)), ("Accept-Encoding", "gzip")),
    "an output that is not there": post("double", json.dumps({**content(1), "outputs": [{"name": "z"}]}).encode()),
    "classes": post(
        "double", json.dumps({**content(1), "outputs": [{"name": "out", "parameters": {"classification": 2}}]}).encode()
    ),
    "no JSON": post("double", b"{" * 40),
    "empty": post("double", b""),
    "wrong shape": post("double", json.dumps({"inputs": [{**content(1)["inputs"][0], "shape": [4, 1]}]}).encode()),
    "unknown model": post("nobody", rows(1)),
    "unknown version": post("double/versions/9", rows(1)),
    "fails": post("fickle", rows(RAISES)),
}


@pytest.mark.parametrize("request_bytes", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.usefixtures("company")
def test_the_answer_is_the_same_the_first_time_and_the_third(live: Live, request_bytes: bytes) -> None:
    if b"Connection: close" in request_bytes:
        answers = []
        for _ in range(3):
            with Raw(live) as raw:
                answers.append(told(raw.send(request_bytes).answer()))
    else:
        with Raw(live) as raw:
            answers = [told(raw.send(request_bytes).answer()) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.usefixtures("company")
def test_another_body_under_a_known_head(live: Live) -> None:
    with Raw(live) as raw:
        for first in (1, 2, 3, 4):
            assert raw.send(post("double", rows(first))).answer().json["outputs"][0]["data"] == doubled(first)


@pytest.mark.usefixtures("company")
def test_requests_that_come_in_other_pieces(live: Live) -> None:
    one = post("double", rows(7))
    with Raw(live) as raw:
        for _ in range(3):
            assert raw.send(one).answer().status == 200
        for cut in (1, len(one) // 2, len(one) - 1, one.index(b"\r\n\r\n") + 4):
            raw.send(one[:cut])
            time.sleep(0.02)  # so that they are two pieces; either way the answer is right
            assert raw.send(one[cut:]).answer().json["outputs"][0]["data"] == doubled(7)
        assert [answer.status for answer in raw.send(one * 5).answers(5)] == [200] * 5
        assert raw.send(one).answer().status == 200


@pytest.mark.usefixtures("company")
def test_a_request_behind_one_that_runs(live: Live) -> None:
    slow, quick = post("fickle", rows(WAITS + 0.3)), post("double", rows(8))
    with Raw(live) as raw:
        raw.send(slow).answers(1)
        raw.send(slow)
        time.sleep(0.1)
        first, second, third = raw.send(quick, quick).answers(3)
    assert first.json["outputs"][0]["data"] == pytest.approx(doubled(WAITS + 0.3))
    assert [a.json["outputs"][0]["data"] for a in (second, third)] == [doubled(8)] * 2


@pytest.mark.usefixtures("company")
def test_a_client_that_leaves_is_noticed_at_once(live: Live) -> None:
    before = quiet(live, "fickle")
    one = post("fickle", rows(GATED))
    live.gate.touch()
    with Raw(live) as raw:
        raw.send(one).answer()
        with closed(live.gate):
            raw.send(one)
            until(lambda: live.statistics("fickle")["jackfield_outstanding_requests"] == 1, "it to run")
            raw.close()
            until(lambda: live.statistics("fickle")["jackfield_outstanding_requests"] == 0, "it to be withdrawn")
    after = quiet(live, "fickle")
    name = "jackfield_requests_total:cancelled"
    assert after.get(name, 0) - before.get(name, 0) == 1


def test_idle_connections_are_closed_and_busy_ones_are_not(tmp_path: Path) -> None:
    config = {
        "server": {"limits": {"keep_alive_timeout_s": 1}},
        "models": {"fickle": {"source": f"{HERE}/hostile.py:Fickle"}},
    }
    with launched(config, tmp_path) as live, Raw(live) as raw:
        for _ in range(3):
            assert raw.send(post("fickle", rows(1))).answer().status == 200
        assert raw.send(post("fickle", rows(WAITS + 1.5))).answer().status == 200
        assert raw.send(post("fickle", rows(1))).answer().status == 200
        assert raw.is_closed
        assert '"level":"error"' not in live.log.read_text()


def test_what_runs_is_answered_when_the_server_stops(tmp_path: Path) -> None:
    config = {"models": {"fickle": {"source": f"{HERE}/hostile.py:Fickle"}}}
    one = post("fickle", rows(WAITS + 0.5))
    with launched(config, tmp_path) as live, Raw(live) as raw:
        raw.send(one).answer()
        raw.send(one)
        time.sleep(0.1)
        live.process.terminate()
        answer = raw.answer()
        assert answer.status == 200
        assert answer.json["outputs"][0]["data"] == pytest.approx(doubled(WAITS + 0.5))
        assert raw.is_closed
        assert '"level":"error"' not in live.log.read_text()
        assert live.process.wait(20) in (0, -2, -15, 130, 143)
