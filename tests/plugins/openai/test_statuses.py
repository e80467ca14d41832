from __future__ import annotations

import pytest

from jackfield import errors
from jackfield.web import BodyTimeout
from jackfield_plugins.open_inference.compression import UnknownEncoding
from jackfield_plugins.openai.fault import Fault, UnknownModel
from jackfield_plugins.openai.statuses import headers_of, told


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (errors.InvalidRequest("x"), 400, "invalid_request_error", None),
        (Fault("x", "n", "y"), 400, "invalid_request_error", "y"),
        (errors.TooLarge("x"), 413, "invalid_request_error", "too_large"),
        (BodyTimeout("x"), 408, "invalid_request_error", "timeout"),
        (UnknownEncoding("x"), 415, "invalid_request_error", "unsupported"),
        (errors.NotFound("x"), 404, "invalid_request_error", "not_found"),
        (UnknownModel("x"), 404, "invalid_request_error", "model_not_found"),
        (errors.Unsupported("x"), 400, "invalid_request_error", "unsupported"),
        (errors.Unavailable("x"), 503, "server_error", "unavailable"),
        (errors.Overloaded("x"), 503, "server_error", "overloaded"),
        (errors.Expired("x"), 503, "server_error", "timeout"),
        (errors.ExecutionFailed("x"), 500, "server_error", "execution_failed"),
        (errors.JackfieldError("x"), 500, "server_error", None),
    ],
)
def test_statuses(error: errors.JackfieldError, status: int, kind: str, code: str | None) -> None:
    got, content = told(error, 503)
    assert got == status
    assert (content["error"]["message"], content["error"]["type"], content["error"]["code"]) == ("x", kind, code)


def test_overload_may_be_a_matter_of_rate() -> None:
    status, content = told(errors.Overloaded("x"), 429)
    assert (status, content["error"]["type"]) == (429, "rate_limit_error")
    assert told(errors.Unavailable("x"), 429)[0] == 503


def test_the_parameter_is_named_also_where_the_engine_found_it() -> None:
    assert told(errors.InvalidRequest("parameter 'top_k' must be"), 503)[1]["error"]["param"] == "top_k"
    assert (
        told(errors.InvalidRequest("parameter 'logit_bias of token 5' must"), 503)[1]["error"]["param"] == "logit_bias"
    )
    assert told(Fault("x", "n"), 503)[1]["error"]["param"] == "n"


def test_what_clients_are_told_in_headers() -> None:
    assert headers_of(errors.Overloaded("x", 2.1)) == [(b"retry-after", b"3")]
    assert headers_of(errors.ExecutionFailed("x")) == [(b"x-should-retry", b"false")]
    assert headers_of(errors.TooLarge("x")) == [(b"connection", b"close")]
    assert headers_of(Fault("x")) == []
