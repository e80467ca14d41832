from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from jackfield import StepReport
from jackfield.errors import InvalidRequest
from jackfield_plugins.open_inference.headers import RAW, echoed, header_length, request_id, server_timing, trace

LENGTH = b"inference-header-content-length"
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ({}, 10),
        ({b"content-type": b"application/json"}, 10),
        ({b"content-type": b"application/octet-stream"}, 10),
        ({b"content-type": b"application/octet-stream", LENGTH: b"7"}, 7),
        ({LENGTH: b"0"}, RAW),
        ({LENGTH: b"10"}, 10),
    ],
)
def test_how_much_of_the_body_is_json(headers: dict[bytes, bytes], length: int) -> None:
    assert header_length(headers, 10) == length


@pytest.mark.parametrize("value", [b"-1", b"11", b"", b"1.5", b"ten", b"+1", b"\xb2", b"9" * 400, b"%d" % 2**63])
def test_lengths_that_cannot_be_are_refused(value: bytes) -> None:
    with pytest.raises(InvalidRequest, match="Inference-Header-Content-Length") as raised:
        header_length({LENGTH: value}, 10)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("value", [b"", b"a b", b"a\r\nb", b"x" * 129, b"\xff"])
def test_request_ids_that_are_not_fit_for_logs_are_ignored(value: bytes) -> None:
    assert request_id({b"x-request-id": value}) == ""


@pytest.mark.parametrize(
    "value",
    [b"", TRACE.upper(), TRACE[:-1], TRACE + b"0", b"ff" + TRACE[2:], b"00-" + b"0" * 32 + TRACE[35:], b"x" * 55],
)
def test_traces_that_are_not_well_formed_are_ignored(value: bytes) -> None:
    assert trace({b"traceparent": value}) == ""


def test_what_is_well_formed_is_echoed() -> None:
    headers = {b"x-request-id": b"abc", b"traceparent": TRACE}
    assert echoed(request_id(headers), trace(headers)) == [(b"x-request-id", b"abc"), (b"traceparent", TRACE)]
    assert echoed("", "") == []


def test_the_time_of_a_step_is_told_in_milliseconds() -> None:
    report = StepReport("m/1/0", 16, 4, 0.0, prepare=0.001, execute=0.05, finish=0.002)
    work: Any = SimpleNamespace(arrival=1.0, finished=1.06, report=report)
    assert server_timing(work) == b'queue;dur=7.00, batch;desc="16", compute;dur=50.00'
    assert server_timing(SimpleNamespace(report=None)) is None  # type: ignore[arg-type]
