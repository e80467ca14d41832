"""Attacks with the bodies of requests: their length, pace, pieces and compression. Somebody else is served."""

from __future__ import annotations

import gzip
import zlib
from itertools import repeat

import pytest

from tests.e2e.company import neighbour, refusal, survived
from tests.e2e.launch import Live
from tests.e2e.sockets import Raw, doubled, head, post, rows

MIB = 1 << 20
INFER = "/v2/models/double/infer"


def test_a_body_larger_than_a_header_may_be_is_no_header(small: Live) -> None:
    body = rows(3).replace(b"{", b'{"ignored": "%s", ' % (b"x" * 900_000), 1)
    with Raw(small) as raw:
        for _ in range(3):
            answer = raw.send(post("double", body)).answer()
            assert (answer.status, answer.json["outputs"][0]["data"]) == (200, doubled(3))


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
