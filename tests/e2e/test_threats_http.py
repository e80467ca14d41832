"""Attacks below the protocol: paths, headers, connections. Somebody else is served meanwhile."""

from __future__ import annotations

import resource
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path

import pytest

from tests.e2e.company import counted, neighbour, refusal, survived, until
from tests.e2e.conftest import MOST_CONNECTIONS
from tests.e2e.launch import Live, launched
from tests.e2e.sockets import Raw, doubled, head, post, rows

MIB = 1 << 20
INFER = "/v2/models/double/infer"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/health/live", 200),
        ("HEAD", "/v2/health/live", 200),
        ("HEAD", INFER, 405),
        ("GET", INFER, 405),
        ("OPTIONS", INFER, 405),
        ("DELETE", "/v2/models/double", 405),
        ("POST", "/v2/health/live", 405),
        ("PUT", "/metrics", 405),
        ("OPTIONS", "/metrics", 405),
        ("OPTIONS", "*", 404),
        ("GET", "/", 404),
        ("GET", "//", 404),
        ("GET", "//v2/health/live", 404),
        ("GET", "/v2//health/live", 404),
        ("GET", "//localhost/v2/health/live", 404),
        ("GET", "/v2/health/live/", 404),
        ("GET", "/v2/", 404),
        ("GET", "/V2/health/live", 404),
        ("GET", "/v2/health/./live", 404),
        ("GET", "/v2/models/double/../../health/live", 404),
        ("GET", "/%2e%2e/v2/health/live", 404),
        ("GET", "/v2/%2e%2e/metrics", 404),
        ("GET", "/v2%00/health/live", 404),
        ("GET", "/v2;x=y/health/live", 404),
        ("GET", "/metrics/../v2/health/live", 404),
        ("GET", "/metrics/x", 404),
        ("GET", "/metricsx", 404),
        ("POST", "/v2/models//infer", 404),
        ("POST", "/v2/models/double/versions//infer", 404),
        ("POST", "/v2/models/double/versions/1/infer/", 404),
        ("GET", "/v2/" + "a/" * 20_000, 404),
        ("GET", "http://elsewhere/v2/health/live", 200),  # the form for proxies: its host decides nothing
        ("GET", "http://elsewhere/nothing", 404),
        ("GET", "http://elsewhere", 400),
        ("CONNECT", "elsewhere:80", 400),
        ("GET", "/v2/\xff", 400),
    ],
)
def test_a_path_is_a_route_or_it_is_not(small: Live, method: str, path: str, status: int) -> None:
    with Raw(small) as raw:
        answer = raw.send(head(method, path)).answer(method)
    assert answer.status == status
    if method == "HEAD":
        assert answer.body == b""
        assert int(answer.headers["content-length"]) > 0
    elif status == 405:
        assert answer.headers["allow"] in ("POST", "GET, HEAD")
        assert "error" in answer.json
    elif status != 200:
        refusal(answer, status)


def test_the_host_header_decides_nothing(small: Live) -> None:
    for host in ("evil/v2/models", "evil/metrics?", "127.0.0.1@evil", "", "/v2/health/live"):
        for path, status in (("/v2/health/live", 200), ("/nothing", 404)):
            with Raw(small) as raw:
                answer = raw.send(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).answer()
            assert answer.status == status
            assert b"evil" not in answer.body
            assert not any("evil" in value for value in answer.headers.values())


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([("X-Big", "x" * (64 * 1024 + 1))], id="64 KiB in one"),
        pytest.param([(f"X-{n}", "x" * 4096) for n in range(20)], id="64 KiB in twenty"),
        pytest.param([("X-Many", n) for n in range(100_000)], id="100,000 headers"),
        pytest.param([("a", "")] * 257, id="one header too many"),
    ],
)
def test_too_many_or_too_long_headers(small: Live, headers: list[tuple[str, object]]) -> None:
    with neighbour(small), Raw(small) as raw:
        refusal(raw.send(head("GET", "/v2/health/live", *headers)).answer(), 431)
        assert raw.is_closed
    survived(small)


@pytest.mark.parametrize("begin", [b"GET /", b"GET / HTTP/1.1\r\nX-Endless: ", b"GET / HTTP/1.1\r\nX"])
def test_a_header_line_that_never_ends(small: Live, begin: bytes) -> None:
    before = small.memory_mib()
    with neighbour(small), Raw(small) as raw:
        raw.send(begin, *repeat(b"x" * MIB, 32))
        refusal(raw.answer(), 431)
        assert raw.is_closed
    assert small.memory_mib() < before + 24
    survived(small)


@pytest.mark.parametrize("pieces", [[b""], [b"GET /v2/health/live HTTP/1.1\r\n", b"Host: x\r\n", b"X: y"]])
def test_slow_headers(hasty: Live, pieces: list[bytes]) -> None:
    with neighbour(hasty), Raw(hasty) as raw:
        raw.send(*pieces)
        assert refusal(raw.answer(), 408) == "the headers did not arrive within 0.3 s"
        assert raw.is_closed
    survived(hasty)


def test_headers_and_bodies_a_byte_at_a_time(hasty: Live) -> None:
    for request in (head("GET", "/v2/health/live", ("X-Slow", "x" * 100)), post("double", rows(1))):
        with neighbour(hasty), Raw(hasty) as raw:
            before_body = 0 if request.startswith(b"GET") else len(request) - 10
            raw.send(request[:before_body])
            raw.socket.settimeout(0.1)
            for position in range(before_body, len(request)):
                raw.send(request[position : position + 1])
                try:
                    raw.socket.recv(1, 2)  # a look, at MSG_PEEK, and a pause
                except TimeoutError:
                    continue
                break
            raw.socket.settimeout(30)
            refusal(raw.answer(), 408)
    survived(hasty)


def test_pipelined_requests_are_answered_in_order_up_to_the_one_that_is_wrong(small: Live) -> None:
    good = [post("double", rows(n)) for n in range(20)]
    with neighbour(small), Raw(small) as raw:
        answers = raw.send(b"".join(good) + b"nonsense\r\n\r\n").answers(21)
        assert [one.json["outputs"][0]["data"] for one in answers[:20]] == [doubled(n) for n in range(20)]
        refusal(answers[20], 400)
        assert raw.is_closed
    survived(small)


def test_requests_pipelined_without_end(small: Live) -> None:
    before = small.memory_mib()
    flood = head("GET", "/v2/health/live") * 20_000
    with neighbour(small), Raw(small) as raw:
        raw.send(post("fickle", rows(901)), flood)
        answers = raw.answers(130)
        assert answers[0].json["outputs"][0]["data"] == doubled(901)
        assert {one.status for one in answers[1:-1]} == {200}
        refusal(answers[-1], 503)
        assert raw.is_closed
    assert small.memory_mib() < before + 24
    survived(small, "fickle")


@pytest.mark.parametrize("apart", [False, True], ids=["in one piece", "apart"])
def test_pipelined_requests_on_a_connection_that_is_cut(small: Live, apart: bool) -> None:
    with Raw(small) as raw:  # its head is known from here on
        assert raw.send(post("fickle", rows(900))).answer().status == 200
    cancelled, completed = (counted(small, "fickle", state) for state in ("cancelled", "completed"))
    first, others = post("fickle", rows(905)), post("fickle", rows(1)) * 50
    with neighbour(small):
        with Raw(small) as raw:
            raw.send(first if apart else first + others)
            until(lambda: small.statistics("fickle")["jackfield_outstanding_requests"] > 0, "the first to run")
            if apart:
                raw.send(others)
        until(lambda: counted(small, "fickle", "cancelled") == cancelled + 1, "the first to be cancelled")
        assert counted(small, "fickle", "completed") == completed
    survived(small, "fickle")
    assert counted(small, "fickle", "completed") == completed  # and the others were not even tried


def test_more_connections_than_are_taken(small: Live) -> None:
    with neighbour(small), ExitStack() as stack:
        taken = [stack.enter_context(Raw(small)) for _ in range(MOST_CONNECTIONS - 1)]
        for _ in range(100):
            with Raw(small) as raw:
                refusal(raw.answer(), 503)
                assert raw.is_closed
        for raw in taken:
            assert raw.send(head("GET", "/v2/health/live")).answer().status == 200
    survived(small)


def test_file_descriptors_used_up(tmp_path: Path) -> None:
    with launched(
        {"models": {"double": {"source": f"{Path(__file__).parent / 'models.py'}:Double"}}}, tmp_path
    ) as server:
        pid = server.process.pid
        used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        with neighbour(server):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 20, used + 200))
            with ExitStack() as stack:
                for _ in range(100):
                    stack.enter_context(Raw(server))
        survived(server)
