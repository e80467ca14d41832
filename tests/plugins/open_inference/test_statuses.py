from __future__ import annotations

import pytest

from jackfield import errors
from jackfield.web import BodyTimeout
from jackfield_plugins.open_inference.compression import UnknownEncoding
from jackfield_plugins.open_inference.repository_key import NoRepositoryKey
from jackfield_plugins.open_inference.statuses import headers_of, status_of


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidRequest("x"), 400),
        (errors.TooLarge("x"), 413),
        (UnknownEncoding("x"), 415),
        (BodyTimeout("x"), 408),
        (errors.NotFound("x"), 404),
        (NoRepositoryKey("x"), 401),
        (errors.Unsupported("x"), 501),
        (errors.Unavailable("x"), 503),
        (errors.Overloaded("x"), 503),
        (errors.Expired("x"), 503),
        (errors.ExecutionFailed("x"), 500),
        (errors.JackfieldError("x"), 500),
    ],
)
def test_statuses(error: errors.JackfieldError, status: int) -> None:
    assert status_of(error, 503) == status


def test_the_status_of_overload_can_be_chosen() -> None:
    assert status_of(errors.Overloaded("x"), 429) == 429
    assert status_of(errors.Unavailable("x"), 429) == 503


def test_clients_are_told_when_to_come_back() -> None:
    assert headers_of(errors.Overloaded("x", 2.1)) == [(b"retry-after", b"3")]
    assert headers_of(errors.Unavailable("x", 0.01)) == [(b"retry-after", b"1")]
    assert headers_of(errors.Expired("x")) == []


def test_clients_are_told_what_would_be_accepted() -> None:
    assert headers_of(UnknownEncoding("x")) == [(b"accept-encoding", b"gzip, deflate")]


def test_connections_whose_body_was_not_read_are_closed() -> None:
    assert headers_of(errors.TooLarge("x")) == [(b"connection", b"close")]
    assert headers_of(BodyTimeout("x")) == [(b"connection", b"close")]
