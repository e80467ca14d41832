"""Clients that go away, or stop reading. Their work is cancelled, wherever it is, and nobody else notices."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.company import counted, neighbour, quiet, survived, until
from tests.e2e.hostile import WAITS
from tests.e2e.launch import Live, launched
from tests.e2e.sockets import Raw, content, doubled, head, post, rows

HERE = Path(__file__).parent
MIB = 1 << 20
RUNS = WAITS + 3  # a step of three seconds


def outstanding(live: Live, model: str = "fickle") -> float:
    return live.statistics(model)["jackfield_outstanding_requests"]


@pytest.mark.parametrize(
    "stage",
    [
        b"",
        b"PO",
        head("POST", "/v2/models/double/infer")[:40],
        head("POST", "/v2/models/double/infer", ("Content-Length", 1000)),
        post("double", rows(1))[:-20],
        head("POST", "/v2/models/double/infer", ("Transfer-Encoding", "chunked")) + b"5\r\n{",
        post("double", rows(1)),
        post("double", rows(1)) * 3 + b"POST",
    ],
    ids=["connect", "method", "headers", "no body", "half the body", "half a chunk", "request", "requests"],
)
@pytest.mark.usefixtures("company")
def test_a_client_that_leaves_at_any_stage(live: Live, stage: bytes) -> None:
    for _ in range(20):
        with Raw(live) as raw:
            raw.send(stage)
    survived(live, "double")


@pytest.mark.usefixtures("company")
def test_clients_that_leave_while_their_work_waits_and_runs(live: Live) -> None:
    before = quiet(live, "fickle")
    with ThreadPoolExecutor(3) as pool, ExitStack() as stack:
        runner = stack.enter_context(Raw(live)).send(post("fickle", rows(RUNS)))
        until(lambda: outstanding(live) == 1, "the first to run")
        began = time.monotonic()
        staying = [pool.submit(live.infer, "fickle", content(first)) for first in (1, 2)]
        leaving = [Raw(live).send(post("fickle", rows(first))) for first in range(20)]
        staying.append(pool.submit(live.infer, "fickle", content(3)))
        until(lambda: outstanding(live) == 24, "all to wait")
        for raw in (runner, *leaving):
            raw.close()
        until(lambda: outstanding(live) == 3, "those that left to be cancelled")
        counts = live.statistics("fickle")
        gone = counts["jackfield_requests_total:cancelled"] - before["jackfield_requests_total:cancelled"]
        assert gone == 21
        if time.monotonic() - began < 2.5:  # seen while the device was still busy with the work of the first
            assert counts["jackfield_steps_total"] == before["jackfield_steps_total"]
        for first, answer in zip((1, 2, 3), staying, strict=True):
            assert answer.result().json["outputs"][0]["data"] == doubled(first)
    after = quiet(live, "fickle")
    rows_run = after["jackfield_rows_total"] - before["jackfield_rows_total"]
    assert rows_run == 3
    survived(live, "fickle")


@pytest.mark.usefixtures("company")
def test_two_thousand_connects_and_disconnects(live: Live) -> None:
    before = live.memory_mib()
    descriptors = Path(f"/proc/{live.process.pid}/fd")
    opened = len(list(descriptors.iterdir()))
    request = post("double", rows(1))
    for number in range(2_000):
        with Raw(live) as raw:
            raw.send(request[: number % (len(request) + 1)])
    until(lambda: len(list(descriptors.iterdir())) <= opened + 5, "the connections to be let go")
    assert live.memory_mib() < before + 32
    survived(live, "double")


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server that gives up on clients which do not read for a second."""
    config = {
        "server": {"limits": {"keep_alive_timeout_s": 1}},
        "models": {
            "double": {"source": f"{HERE / 'models.py'}:Double"},
            "large": {"source": f"{HERE / 'hostile.py'}:Large"},
        },
    }
    with launched(config, tmp_path_factory.mktemp("impatient")) as server:
        yield server


def large(megabytes: int, *headers: tuple[str, object]) -> bytes:
    """A request for an answer of so many megabytes."""
    body = rows(megabytes / 4).replace(b'"inputs"', b'"parameters": {"binary_data_output": true}, "inputs"', 1)
    return post("large", body, *headers)


@pytest.mark.parametrize("headers", [(), (("Connection", "close"),)], ids=["kept alive", "to be closed"])
def test_clients_that_stop_reading(impatient: Live, headers: tuple[tuple[str, object], ...]) -> None:
    completed = counted(impatient, "large", "completed")
    before = impatient.memory_mib()
    descriptors = Path(f"/proc/{impatient.process.pid}/fd")
    opened = len(list(descriptors.iterdir()))
    with neighbour(impatient), ExitStack() as stack:
        for _ in range(4):
            raw = stack.enter_context(Raw(impatient, receive_buffer=4096))
            raw.send(large(60, *headers) * 2)
        until(lambda: counted(impatient, "large", "completed") >= completed + 4, "the answers to be made")
        until(lambda: len(list(descriptors.iterdir())) <= opened + 1, "the clients to be given up")
    until(lambda: impatient.memory_mib() < before + 80, "the memory to be freed")
    survived(impatient, "large")


def test_a_client_that_reads_slowly_gets_all(impatient: Live) -> None:
    with neighbour(impatient), Raw(impatient) as raw:
        raw.send(large(40))
        got = 0
        until_then = time.monotonic() + 2.5  # more than the server waits for those that do not read
        while got < 40_000_000:
            part = raw.socket.recv(MIB)
            assert part, f"cut off after {got} bytes"
            got += len(part)
            if time.monotonic() < until_then:
                time.sleep(0.05)
    survived(impatient, "large")
