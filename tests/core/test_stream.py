"""Answers in pieces, on a server without HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jackfield.errors import Cancelled, ExecutionFailed, InvalidRequest, LoadError, Unavailable
from jackfield.interfaces.endpoint import Message
from jackfield.server import Server
from jackfield.stream import Stream
from jackfield.testing import Fault, ScriptedSequences, Stepwise, make_request, make_work
from jackfield.web import ClientGone, streaming
from jackfield.work import Response, State
from tests.core.lifecycle.fakes import configured, in_loop, plugged, until

ENDLESS = 10**6


def _server(executor: ScriptedSequences, **model: Any) -> Server:
    return Server(configured(**model), registry=plugged(lambda: executor, batching={"continuous": Stepwise}))


def _request(tokens: int, value: float = 1.0) -> Any:
    return make_request(value=value, parameters={"tokens": tokens})


async def _free(executor: ScriptedSequences) -> None:
    await until(lambda: executor.free == executor.blocks)


@in_loop
async def test_the_pieces_come_in_order_and_end_with_the_final_one() -> None:
    executor = ScriptedSequences()
    async with _server(executor) as server:
        async with server.stream(_request(4)) as stream:
            pieces = [response async for response in stream]
        assert [piece.outputs["y"].item() for piece in pieces] == [2.0, 3.0, 4.0, 5.0]
        assert [piece.final for piece in pieces] == [False, False, False, True]
        assert stream.work is not None
        assert stream.work.state is State.COMPLETED
        await _free(executor)
        assert (server.versions[0].statistics.completed, server.versions[0].statistics.outstanding) == (1, 0)


@in_loop
async def test_who_wants_one_response_gets_the_whole() -> None:
    async with _server(ScriptedSequences()) as server:
        response = await server.submit(_request(3)).future
        assert response.outputs["y"].ravel().tolist() == [2.0, 3.0, 4.0]


@in_loop
async def test_streams_share_steps_and_do_not_mix() -> None:
    async with _server(ScriptedSequences(500)) as server:

        async def read(number: int) -> list[float]:
            async with server.stream(_request(20, float(number))) as stream:
                return [response.outputs["y"].item() async for response in stream]

        answers = await asyncio.gather(*(read(number) for number in range(12)))
        assert answers == [[2.0 * number + n for n in range(20)] for number in range(12)]
        assert server.versions[0].statistics.steps < 12 * 20


@in_loop
async def test_leaving_early_cancels_and_frees() -> None:
    executor = ScriptedSequences(ENDLESS)
    async with _server(executor) as server:
        async with server.stream(_request(ENDLESS)) as stream:
            async for response in stream:
                if response.outputs["y"].item() > 5:
                    break
        assert stream.work is not None
        assert stream.work.state is State.CANCELLED
        await _free(executor)
        assert [piece async for piece in stream] == []


@in_loop
async def test_who_does_not_read_is_cancelled() -> None:
    executor = ScriptedSequences(ENDLESS)
    async with _server(executor) as server:
        stream = server.stream(_request(ENDLESS), buffer=5)
        work = stream.work
        assert work is not None
        await until(lambda: work.final)
        assert work.state is State.CANCELLED
        assert len(stream.ready()) == 5
        with pytest.raises(Cancelled, match="5 responses waited, and nobody read them"):
            await anext(stream)
        await _free(executor)


@in_loop
async def test_what_goes_wrong_is_raised_where_it_is_read() -> None:
    executor = ScriptedSequences(poison={7.0: Fault.RAISE})
    async with _server(executor) as server:
        with pytest.raises(InvalidRequest, match="'tokens' must be"):
            server.stream(_request(0))
        assert server.versions[0].statistics.refused == {"invalid": 1}
        async with server.stream(_request(3, 7.0)) as stream:
            with pytest.raises(ExecutionFailed, match="the model raised RuntimeError"):
                await anext(stream)
    with pytest.raises(Unavailable):
        server.stream(_request(3))


@in_loop
async def test_a_stream_that_runs_at_the_stop_is_ended_by_it() -> None:
    executor = ScriptedSequences(ENDLESS)
    config = configured()
    config["server"] = {"drain_timeout_s": 0.05}
    server = Server(config, registry=plugged(lambda: executor, batching={"continuous": Stepwise}))
    async with server:
        stream = server.stream(_request(ENDLESS), buffer=ENDLESS)
        await anext(stream)
    with pytest.raises(Unavailable, match="did not answer"):
        async for _ in stream:
            pass


@in_loop
async def test_a_model_of_one_step_streams_one_response() -> None:
    async with Server(configured(), registry=plugged()) as server, server.stream(make_request(value=1.0)) as stream:
        assert [response.final async for response in stream] == [True]


@in_loop
async def test_a_client_that_leaves_is_noticed_between_pieces() -> None:
    executor = ScriptedSequences(ENDLESS)
    gone = asyncio.Event()

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    async with _server(executor) as server:

        async def read() -> None:
            async with streaming(server, _request(ENDLESS), receive) as stream:
                async for response in stream:
                    if response.outputs["y"].item() > 10:
                        gone.set()

        with pytest.raises(ClientGone):
            await read()
        await _free(executor)
        assert server.versions[0].statistics.cancelled == 1


@in_loop
async def test_what_has_come_can_be_read_in_one_go() -> None:
    stream = Stream(10, lambda work: None)
    work = make_work()
    stream.feed(work, Response({}, {"n": 1}, final=False))
    stream.feed(work, Response({}, {"n": 2}, final=False))
    assert [response.parameters["n"] for response in stream.ready()] == [1, 2]
    assert stream.ready() == []
    work.final = State.COMPLETED
    stream.feed(work, Response({}, {"n": 3}))
    assert (await anext(stream)).parameters == {"n": 3}
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


@in_loop
async def test_a_policy_that_was_chosen_and_cannot_do_it_is_an_error() -> None:
    server = _server(ScriptedSequences(), batching={"policy": "dynamic", "max_batch_size": 4})
    with pytest.raises(LoadError, match="'dynamic' plans no work of many steps, which this model does: choose 'cont"):
        async with server:
            pass
