"""The server without HTTP."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from jackfield.errors import ExecutionFailed, Expired, InvalidRequest, NotFound, Unavailable
from jackfield.testing import Fault, make_request
from tests.core.lifecycle.fakes import entered, in_loop, until
from tests.core.serving import forget_probing, served, statistics_of


@in_loop
async def test_it_serves_while_it_is_entered() -> None:
    server, executor = served()
    async with server:
        assert server.ready
        response = await server.infer("double", {"x": [[1, 2], [3, 4]]})
        assert response.outputs["y"].tolist() == [[3.0, 5.0], [7.0, 9.0]]
        assert response.outputs["y"].dtype == np.float32
    assert (server.ready, server.started, executor.closes) == (False, False, 1)
    with pytest.raises(Unavailable, match="the server is stopping"):
        await server.infer("double", {"x": [[1, 2]]})


@in_loop
async def test_unknown_names_are_not_found() -> None:
    server, _ = served()
    async with server:
        with pytest.raises(NotFound, match="unknown model: 'tripel' is not found"):
            await server.infer("tripel", {})
        with pytest.raises(NotFound, match="'double' version '9' is not found; there is '1'"):
            await server.infer("double", {"x": [[1, 2]]}, version="9")
        with pytest.raises(InvalidRequest, match="unexpected inference input 'z'"):
            await server.infer("double", {"z": [[1, 2]]})
        with pytest.raises(InvalidRequest, match="unexpected inference output 'z'"):
            await server.infer("double", {"x": [[1, 2]]}, outputs=["z"])


@in_loop
async def test_a_name_with_line_breaks_is_one_short_line() -> None:
    server, _ = served()
    async with server:
        with pytest.raises(NotFound) as error:
            await server.infer("a\r\nb" * 1000, {})
        assert len(str(error.value)) < 700
        assert str(error.value).splitlines() == [str(error.value)]


@in_loop
async def test_cancelling_the_task_withdraws_the_request() -> None:
    server, executor = served()
    async with server:
        forget_probing(executor)
        executor.gate.clear()
        running = asyncio.create_task(server.infer("double", {"x": [[1, 1]]}))
        await entered(executor)
        waiting = [asyncio.create_task(server.infer("double", {"x": [[n, n]]})) for n in (2, 3)]
        await until(lambda: statistics_of(server).accepted == 3)
        for task in (running, waiting[0]):
            task.cancel()
        for task in (running, waiting[0]):
            with pytest.raises(asyncio.CancelledError):
                await task
        executor.gate.set()
        assert (await waiting[1]).outputs["y"].tolist() == [[7.0, 7.0]]
        assert [run[:, 0].tolist() for run in executor.runs] == [[1.0], [3.0]]
        counts = statistics_of(server)
        assert (counts.accepted, counts.completed, counts.cancelled, counts.outstanding) == (3, 1, 2, 0)


@in_loop
async def test_a_request_can_be_withdrawn_by_hand() -> None:
    server, executor = served()
    async with server:
        executor.gate.clear()
        work = server.submit(make_request())
        server.cancel(work)
        with pytest.raises(asyncio.CancelledError):
            await work.future
        executor.gate.set()


@in_loop
async def test_a_request_that_is_too_late_has_expired() -> None:
    server, _ = served()
    async with server:
        with pytest.raises(Expired, match="Request timeout expired"):
            await server.infer("double", {"x": [[1, 2]]}, timeout=0)
        with pytest.raises(Expired):
            await server.infer("double", {"x": [[1, 2]]}, timeout=-5)
        assert statistics_of(server).expired == 2


@pytest.mark.parametrize("priority", [-(10**9), -1, 0, 1, 8, 10**9])
@pytest.mark.parametrize("scheduler", ["fifo", "priority"])
@in_loop
async def test_any_priority_is_served(scheduler: str, priority: int) -> None:
    server, _ = served(scheduler=scheduler)
    async with server:
        await server.infer("double", {"x": [[1, 2]]}, priority=priority)
        assert server.ready


@in_loop
async def test_a_request_of_no_rows_is_answered_at_once() -> None:
    server, _ = served()
    async with server:
        response = await server.infer("double", {"x": np.ones((0, 2), np.float32)})
        assert response.outputs["y"].shape == (0, 2)


@in_loop
async def test_a_model_that_raises_fails_that_request_and_stays_ready() -> None:
    server, executor = served()
    async with server:
        executor.poison = {9.0: Fault.RAISE}
        outcomes = await asyncio.gather(
            *(server.infer("double", {"x": [[n, n]]}) for n in (8, 9, 10)), return_exceptions=True
        )
        assert isinstance(outcomes[1], ExecutionFailed)
        assert str(outcomes[1]) == "the model raised RuntimeError: cannot run <path>"
        assert not isinstance(outcomes[0], BaseException)
        assert not isinstance(outcomes[2], BaseException)
        assert server.ready


def test_two_servers_have_two_ledgers() -> None:
    async def both() -> None:
        (first, _), (second, _) = served(), served()
        async with first, second:
            await first.infer("double", {"x": [[1, 1]]})
            assert [statistics_of(server).completed for server in (first, second)] == [1, 0]

    asyncio.run(both())
