"""Attacks below the protocol: paths, headers, bodies, connections. Somebody else is served all the time."""

from __future__ import annotations

import gzip
import resource
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path

import pytest

from tests.e2e.company import counted, neighbour, refusal, survived, until
from tests.e2e.launch import Live, launched
from tests.e2e.sockets import Raw, doubled, head, post, rows

MIB = 1 << 20
MODELS = {
    "double": {"source": f"{Path(__file__).parent / 'models.py'}:Double"},
    "fickle": {"source": f"{Path(__file__).parent / 'hostile.py'}:Fickle"},
}
MOST_CONNECTIONS = 40
INFER = "/v2/models/double/infer"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with limits that are soon reached."""
    limits = {"max_body_bytes": MIB, "max_connections": MOST_CONNECTIONS}
    with launched({"server": {"limits": limits}, "models": MODELS}, tmp_path_factory.mktemp("small")) as server:
        yield server


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server that waits for nobody."""
    limits = {"header_timeout_s": 0.3, "body_timeout_s": 0.3}
    with launched({"server": {"limits": limits}, "models": MODELS}, tmp_path_factory.mktemp("hasty")) as server:
        yield server


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


def test_a_body_larger_than_a_header_may_be_is_no_header(small: Live) -> None:
    body = rows(3).replace(b"{", b'{"ignored": "%s", ' % (b"x" * 900_000), 1)
    with Raw(small) as raw:
        for _ in range(3):
            answer = raw.send(post("double", body)).answer()
            assert (answer.status, answer.json["outputs"][0]["data"]) == (200, doubled(3))


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


def test_a_slow_body(hasty: Live) -> None:
    with neighbour(hasty), Raw(hasty) as raw:
        raw.send(head("POST", INFER, ("Content-Length", 100)), b"{")
        assert refusal(raw.answer(), 408) == "the body did not arrive within 0.3 s"
        assert raw.is_closed
    with neighbour(hasty), Raw(hasty) as raw:
        raw.send(head("POST", INFER, ("Transfer-Encoding", "chunked")), b"1\r\n{\r\n")
        refusal(raw.answer(), 408)
    survived(hasty)


def test_an_answer_may_take_longer_than_a_request(hasty: Live) -> None:
    with Raw(hasty) as raw:
        answer = raw.send(post("fickle", rows(901))).answer()
        assert (answer.status, answer.json["outputs"][0]["data"]) == (200, doubled(901))


def test_65537_tiny_chunks(small: Live) -> None:
    body = rows(5)
    padded = body + b" " * (65_537 - len(body))
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in padded) + b"0\r\n\r\n"
    with neighbour(small), Raw(small) as raw:
        answer = raw.send(head("POST", INFER, ("Transfer-Encoding", "chunked")), chunks).answer()
        assert (answer.status, answer.json["outputs"][0]["data"]) == (200, doubled(5))
    survived(small)


@pytest.mark.parametrize(
    "endless", [pytest.param(b"1;" + b"x" * MIB, id="chunk"), pytest.param(b"0\r\nX: " + b"x" * MIB, id="trailer")]
)
def test_a_chunk_extension_or_trailer_that_never_ends(small: Live, endless: bytes) -> None:
    before = small.memory_mib()
    with neighbour(small), Raw(small) as raw:
        raw.send(head("POST", INFER, ("Transfer-Encoding", "chunked")), endless, *repeat(b"x" * MIB, 32))
        refusal(raw.answer(), 431)
    assert small.memory_mib() < before + 24
    survived(small)


def test_a_trailer_is_no_header(small: Live) -> None:
    body = rows(5)
    chunks = b"%x\r\n%s\r\n0\r\nContent-Encoding: gzip\r\nX-Request-Id: smuggled\r\n\r\n" % (len(body), body)
    with Raw(small) as raw:
        answer = raw.send(head("POST", INFER, ("Transfer-Encoding", "chunked")) + chunks).answer()
    assert answer.status == 200
    assert "x-request-id" not in answer.headers


def test_compressed_bombs(small: Live) -> None:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join([*(squeeze.compress(bytes(MIB)) for _ in range(256)), squeeze.flush()])
    assert len(bomb) < MIB // 2
    before = small.memory_mib()
    with neighbour(small):
        for _ in range(5):
            sentence = refusal(small.ask("POST", INFER, bomb, {"content-encoding": "gzip"}), 413)
            assert sentence == f"the body has more than {MIB} bytes when decompressed"
    assert small.memory_mib() < before + 24
    survived(small)


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", gzip.compress(gzip.compress(rows(1))), 400),
        ("gzip, gzip", gzip.compress(gzip.compress(rows(1))), 415),
        ("gzip, deflate", gzip.compress(rows(1)), 415),
        ("br", rows(1), 415),
        ("x" * 5000, rows(1), 415),
        ("gzip", rows(1), 400),
        ("gzip", gzip.compress(rows(1))[:-9], 400),
        ("gzip", gzip.compress(rows(1)) + b"more", 400),
        ("gzip", b"", 400),
        ("deflate", b"\xff" * 100, 400),
    ],
)
def test_compressed_in_no_proper_way(small: Live, encoding: str, body: bytes, status: int) -> None:
    refusal(small.ask("POST", INFER, body, {"content-encoding": encoding}), status)
    survived(small)


@pytest.mark.parametrize("length", ["-1", "+5", "ten", "1e3", "0x10", "5 5", "5, 5", "9" * 30, str(2**64)])
def test_a_content_length_that_is_none(small: Live, length: str) -> None:
    with neighbour(small), Raw(small) as raw:
        raw.send(head("POST", INFER, ("Content-Length", length)), rows(1))
        refusal(raw.answer(), 400)
        assert raw.is_closed
    survived(small)


@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Length", 10), ("Content-Length", 20)],
        [("Content-Length", 10), ("Transfer-Encoding", "chunked")],
        [("Transfer-Encoding", "gzip")],
        [("Transfer-Encoding", "chunked, gzip")],
        [("Content-Length", 74), ("Upgrade", "h2c"), ("Connection", "Upgrade")],
    ],
)
def test_two_ways_to_tell_where_a_body_ends(small: Live, headers: list[tuple[str, object]]) -> None:
    smuggled = head("GET", "/v2/health/live")
    with Raw(small) as raw:
        refusal(raw.send(head("POST", INFER, *headers), smuggled).answer(), 400)
        assert raw.is_closed
    survived(small)


def test_a_body_that_is_shorter_than_declared(hasty: Live) -> None:
    with neighbour(hasty), Raw(hasty) as raw:
        raw.send(head("POST", INFER, ("Content-Length", 1000)), rows(1))
        refusal(raw.answer(), 408)
    survived(hasty)


@pytest.mark.parametrize("length", ["-1", "ten", "1e3", str(2**63), "9" * 30, "100000", "-0", "", "0x10"])
def test_a_json_length_that_is_none(small: Live, length: str) -> None:
    refusal(small.ask("POST", INFER, rows(1), {"inference-header-content-length": length}), 400)
    survived(small)


@pytest.mark.parametrize("length", [MIB + 1, 2**40, 2**63 - 1, 2**63])
def test_a_declared_body_that_is_too_large(small: Live, length: int) -> None:
    with neighbour(small), Raw(small) as raw:
        # all that is sent besides must not keep the client from reading its answer
        raw.send(head("POST", INFER, ("Content-Length", length)), b"x" * 8 * MIB)
        refusal(raw.answer(), 413)
        assert raw.is_closed
    survived(small)


def test_an_ordinary_client_that_sends_too_much_gets_to_read_so(small: Live) -> None:
    for _ in range(5):  # it reads only when it has sent all, and a connection that is reset keeps it from either
        refusal(small.ask("POST", INFER, b"x" * 16 * MIB), 413)
    refusal(small.ask("POST", INFER, rows(1), {f"x-{n}": "x" * 4000 for n in range(20)}), 431)
    survived(small)


def test_an_undeclared_body_that_is_too_large(small: Live) -> None:
    before = small.memory_mib()
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with neighbour(small), Raw(small) as raw:
        raw.send(head("POST", INFER, ("Transfer-Encoding", "chunked")), *repeat(chunk, 512))
        refusal(raw.answer(), 413)
        assert raw.is_closed
    assert small.memory_mib() < before + 24
    survived(small)


def test_a_body_for_nobody(small: Live) -> None:
    with neighbour(small), Raw(small) as raw:
        raw.send(head("POST", "/v2/models/unknown/infer", ("Content-Length", 50 * MIB)), *repeat(b"x" * MIB, 50))
        refusal(raw.answer(), 404)
        assert raw.send(post("double", rows(2))).answer().json["outputs"][0]["data"] == doubled(2)
    survived(small)


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


def test_pipelined_requests_on_a_connection_that_is_cut(small: Live) -> None:
    cancelled, completed = (counted(small, "fickle", state) for state in ("cancelled", "completed"))
    with neighbour(small):
        with Raw(small) as raw:
            raw.send(post("fickle", rows(902)), post("fickle", rows(1)) * 50)
            until(lambda: small.statistics("fickle")["jackfield_outstanding_requests"] > 0, "the first to run")
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
    with launched({"models": {"double": MODELS["double"]}}, tmp_path) as server:
        pid = server.process.pid
        used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        with neighbour(server):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 20, used + 200))
            with ExitStack() as stack:
                for _ in range(100):
                    stack.enter_context(Raw(server))
        survived(server)
