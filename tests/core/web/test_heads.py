"""Heads that are kept, and those that are not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from jackfield.interfaces.endpoint import Answer, Shortcut, Withdraw
from jackfield.web.heads import Heads

HEAD = b"POST /known HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"
HEADERS = [(b"host", b"a"), (b"content-length", b"3")]


def shortcut(body: bytes, answer: Answer) -> Withdraw | None:
    return None


def find(method: str, path: str, headers: Mapping[bytes, bytes]) -> Shortcut | None:
    return shortcut if (method, path) == ("POST", "/known") and headers[b"content-length"] == b"3" else None


def heads() -> Heads:
    return Heads(find)


def test_a_head_that_came_before_is_known_with_any_body_of_its_length() -> None:
    known = heads()
    assert known.known(HEAD + b"abc") is None
    known.learn(HEAD + b"abc", "POST", "/known", HEADERS)
    head = known.known(HEAD + b"xyz")
    assert head is not None
    assert (head.size, head.whole, head.shortcut) == (len(HEAD), len(HEAD) + 3, shortcut)


@pytest.mark.parametrize("body", [b"", b"ab", b"abcd", b"abcPOST / HTTP/1.1\r\n\r\n"])
def test_what_is_not_exactly_one_request_is_not_taken(body: bytes) -> None:
    known = heads()
    known.learn(HEAD + b"abc", "POST", "/known", HEADERS)
    assert known.known(HEAD + body) is None


@pytest.mark.parametrize(
    "headers",
    [
        [(b"host", b"a")],
        [*HEADERS, (b"content-length", b"3")],
        [(b"content-length", b"4")],
        [(b"content-length", b"+3")],
        [*HEADERS, (b"transfer-encoding", b"chunked")],
        [*HEADERS, (b"expect", b"100-continue")],
        [*HEADERS, (b"connection", b"close")],
        [*HEADERS, (b"connection", b"Upgrade"), (b"upgrade", b"h2c")],
        [*HEADERS, (b"content-encoding", b"gzip")],
    ],
)
def test_heads_out_of_the_ordinary_are_not_kept(headers: list[tuple[bytes, bytes]]) -> None:
    known = heads()
    known.learn(HEAD + b"abc", "POST", "/known", headers)
    assert known.known(HEAD + b"abc") is None


def test_paths_without_a_shortcut_are_not_kept() -> None:
    known = heads()
    known.learn(HEAD + b"abc", "POST", "/other", HEADERS)
    assert known.known(HEAD + b"abc") is None


def test_heads_that_change_each_time_are_not_kept_without_end() -> None:
    known = heads()
    for number in range(10_000):
        head = b"POST /known HTTP/1.1\r\nX-Request-Id: %d\r\nContent-Length: 3\r\n\r\n" % number
        known.learn(head + b"abc", "POST", "/known", [(b"x-request-id", b"%d" % number), (b"content-length", b"3")])
    assert len(known._known) <= 1024
    known.learn(HEAD + b"abc", "POST", "/known", HEADERS)
    for _ in range(1000):  # a client that came later is learned from in the end
        if known.known(HEAD + b"abc") is not None:
            break
        known.learn(HEAD + b"abc", "POST", "/known", HEADERS)
    else:
        raise AssertionError("never learned again")
