"""Inference over the real app, called as a host calls it."""

from __future__ import annotations

import asyncio
import gzip
import struct
from typing import Any

import numpy as np
import orjson
import pytest

from jackfield import Datatype, Request, Work
from tests.plugins.open_inference.calling import Answer, Caller, run, served, tensor
from tests.plugins.open_inference.stub import GATE

X = np.arange(32, dtype=np.float32).reshape(2, 16)
ASKED: dict[str, Any] = {"inputs": [tensor("x", "FP32", [2, 16], X.ravel().tolist())]}
WANTED = (X[:, :4] * 2).ravel().tolist()
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def answered(model: str, content: Any, headers: dict[str, str] | None = None, **config: Any) -> Answer:
    async def asked() -> Answer:
        async with served(model, **config) as caller:
            return await caller.infer(model, content, headers)

    return run(asked())


def test_json_in_and_out() -> None:
    answer = answered("mlp", {**ASKED, "id": "é7"})
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {
        "model_name": "mlp",
        "model_version": "1",
        "id": "é7",
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [2, 4], "data": WANTED}],
    }


def test_binary_in_and_out() -> None:
    content = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 16], "parameters": {"binary_data_size": X.nbytes}}],
        "parameters": {"binary_data_output": True},
    }

    async def asked() -> Answer:
        async with served("mlp") as caller:
            return await caller.infer_binary("mlp", content, X.tobytes())

    answer = run(asked())
    header = int(answer.headers["inference-header-content-length"])
    assert answer.headers["content-type"] == "application/octet-stream"
    (output,) = orjson.loads(answer.body[:header])["outputs"]
    assert output == {"name": "y", "datatype": "FP32", "shape": [2, 4], "parameters": {"binary_data_size": 32}}
    assert np.frombuffer(answer.body[header:], np.float32).tolist() == WANTED


def test_a_raw_body_is_the_one_input() -> None:
    async def asked() -> Answer:
        headers = {"Inference-Header-Content-Length": "0"}
        async with served("mlp") as caller:
            return await caller.ask("POST", "/v2/models/mlp/versions/1/infer", X.tobytes(), headers)

    answer = run(asked())
    header = int(answer.headers["inference-header-content-length"])
    assert np.frombuffer(answer.body[header:], np.float32).tolist() == WANTED


@pytest.mark.parametrize("datatype", Datatype)
@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_every_datatype_in_every_combination(binary_out: bool, binary_in: bool, datatype: Datatype) -> None:
    in_json = datatype not in (Datatype.FP16, Datatype.BF16)
    if datatype is Datatype.BYTES:
        listed: list[Any] = ["a", "bé"]
        content = struct.pack("<I1sI3s", 1, b"a", 3, "bé".encode())
    elif datatype is Datatype.BOOL:
        listed, content = [True, False], b"\x01\x00"
    else:
        listed = [1, 2]
        content = np.array(listed, datatype.numpy).tobytes()
    name = f"echo-{datatype.value.lower()}"
    given: dict[str, Any] = {"name": "x", "datatype": datatype, "shape": [1, 2]}
    output = {"name": "y", "parameters": {"binary_data": binary_out}}

    async def asked() -> Answer:
        async with served(name) as caller:
            if not binary_in:
                return await caller.infer(name, {"inputs": [{**given, "data": [listed]}], "outputs": [output]})
            described = {**given, "parameters": {"binary_data_size": len(content)}}
            return await caller.infer_binary(name, {"inputs": [described], "outputs": [output]}, content)

    answer = run(asked())
    if not in_json and not (binary_in and binary_out):
        assert answer.status == 400
        assert f"{datatype.value} has no JSON form" in answer.error
    elif binary_out:
        assert answer.body[int(answer.headers["inference-header-content-length"]) :] == content
    else:
        assert answer.json["outputs"] == [{"name": "y", "datatype": datatype, "shape": [1, 2], "data": listed}]


def test_outputs_come_as_asked_for() -> None:
    content = {
        "inputs": [tensor("b", "BYTES", [1, 1], ["hi"]), tensor("a", "INT32", [1, 2], [[20, 22]])],
        "outputs": [{"name": "marked"}, {"name": "total", "parameters": {"binary_data": True}}],
    }
    answer = answered("pair", content)
    header = int(answer.headers["inference-header-content-length"])
    marked, total = orjson.loads(answer.body[:header])["outputs"]
    assert marked == {"name": "marked", "datatype": "BYTES", "shape": [1, 1], "data": ["<hi>"]}
    assert total["parameters"] == {"binary_data_size": 8}
    assert answer.body[header:] == (42).to_bytes(8, "little")


def submitted(content: Any, headers: dict[str, str] | None = None) -> tuple[Answer, Request]:
    """The answer, and the request that reached the server."""

    async def asked() -> tuple[Answer, Request]:
        async with served("mlp") as caller:
            requests: list[Request] = []
            submit = caller.app.server.submit

            def kept(request: Request) -> Work:
                requests.append(request)
                return submit(request)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(caller.app.server, "submit", kept)
                return await caller.infer("mlp", content, headers), requests[0]

    return run(asked())


def test_parameters_reach_the_request() -> None:
    parameters = {"priority": 2, "timeout": 5_000_000, "beam": 4}
    headers = {"X-Request-Id": "req-1", "traceparent": TRACE}
    answer, request = submitted({**ASKED, "parameters": parameters}, headers)
    assert (request.priority, request.timeout, request.parameters) == (2, 5.0, {"beam": 4})
    assert (request.id, request.trace) == ("req-1", TRACE)
    assert "id" not in answer.json
    assert answer.headers["x-request-id"] == "req-1"
    assert answer.headers["traceparent"] == TRACE


def test_an_id_cannot_write_lines_into_the_log() -> None:
    answer, request = submitted({**ASKED, "id": "7\nERROR all is lost"}, {"X-Request-Id": "other"})
    assert answer.json["id"] == "7\nERROR all is lost"
    assert request.id == r"7\nERROR all is lost"
    assert answer.headers["x-request-id"] == "other"


def test_the_answer_tells_where_the_time_went() -> None:
    timing = answered("slow", {"inputs": [tensor("x", "FP32", [1, 1], [1])]}).headers["server-timing"]
    parts = dict(part.split(";") for part in timing.split(", "))
    assert set(parts) == {"queue", "batch", "compute"}
    assert parts["batch"] == 'desc="1"'
    assert 200 <= float(parts["compute"].removeprefix("dur=")) < 400


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"inputs": [tensor("z", "FP32", [1], [1])]}, "unexpected inference input 'z' for model 'mlp'"),
        ({"inputs": []}, "expected 1 inputs but got 0 inputs for model 'mlp'"),
        ({"inputs": [tensor("x", "FP32", [1, 3], [1, 2, 3])]}, "unexpected shape for input 'x' for model 'mlp'"),
        ({"inputs": [tensor("x", "INT32", [1, 16], [0] * 16)]}, "expected datatype FP32, got INT32"),
        ({**ASKED, "outputs": [{"name": "no"}]}, "unexpected inference output 'no' for model 'mlp'"),
        ({**ASKED, "outputs": [{"name": "y", "parameters": {"classification": 5}}]}, "has 4 classes"),
        ({**ASKED, "parameters": {"headers": "x"}}, "parameter 'headers' is reserved"),
        ({"inputs": [tensor("x", "FP32", [1, 16], [404] * 16)]}, "has NaN or infinite elements"),
    ],
)
def test_bad_requests(content: Any, says: str) -> None:
    answer = answered("mlp", content)
    assert answer.status == 400
    assert says in answer.error


def test_what_nothing_here_can_do() -> None:
    answer = answered("mlp", {**ASKED, "parameters": {"sequence_id": 3}})
    assert answer.status == 501
    assert "sequence" in answer.error


def test_a_model_that_raises() -> None:
    answer = answered("mlp", {"inputs": [tensor("x", "FP32", [1, 16], [666] * 16)]})
    assert answer.status == 500
    assert answer.error == "the model raised RuntimeError: cannot read <path>"


def test_an_unknown_model_is_said_before_the_body_is_read() -> None:
    async def asked() -> Answer:
        async with served("mlp") as caller:
            return await caller.ask("POST", "/v2/models/no/infer", headers={"Content-Length": "1000000000000"})

    answer = run(asked())
    assert (answer.status, answer.error) == (404, "Request for unknown model: 'no' is not found")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Length": "1000000000000"}, 413),
        ({"Content-Length": "-1"}, 400),
        ({"Content-Length": str(2**63)}, 413),
        ({"Inference-Header-Content-Length": "-1"}, 400),
        ({"Inference-Header-Content-Length": str(2**63)}, 400),
        ({"Content-Encoding": "br"}, 415),
        ({"Content-Encoding": "gzip, gzip"}, 415),
        ({"Content-Encoding": "gzip"}, 400),
    ],
)
def test_bad_headers(headers: dict[str, str], status: int) -> None:
    answer = answered("mlp", ASKED, headers)
    assert answer.status == status
    assert answer.error.isprintable()


def test_bodies_beyond_the_limit_whether_compressed_or_not() -> None:
    limits: dict[str, Any] = {"server": {"limits": {"max_body_bytes": 10_000}}}
    big = {**ASKED, "padding": "x" * 20_000}
    assert answered("mlp", big, **limits).status == 413
    assert answered("mlp", ASKED, **limits).status == 200

    async def compressed() -> Answer:
        async with served("mlp", **limits) as caller:
            body = gzip.compress(orjson.dumps(big))
            return await caller.ask("POST", "/v2/models/mlp/infer", body, {"Content-Encoding": "gzip"})

    assert run(compressed()).status == 413


def test_bodies_in_chunks_and_too_slow_ones() -> None:
    body = orjson.dumps(ASKED)

    async def asked() -> tuple[Answer, Answer]:
        async with served("mlp", server={"limits": {"body_timeout_s": 0.1}}) as caller:
            chunks = [body[n : n + 7] for n in range(0, len(body), 7)]
            whole = await caller.ask("POST", "/v2/models/mlp/infer", chunks=chunks)

            async def never(path: str = "/v2/models/mlp/infer") -> Answer:
                sent: list[Any] = []
                parts = [{"type": "http.request", "body": body[:9], "more_body": True}]

                async def receive() -> Any:
                    if parts:
                        return parts.pop()
                    return await asyncio.sleep(60)

                async def send(message: Any) -> None:
                    sent.append(message)

                scope = {"type": "http", "method": "POST", "path": path, "headers": []}
                await caller.app(scope, receive, send)
                return Answer(sent[0]["status"], {}, sent[1]["body"])

            return whole, await never()

    whole, slow = run(asked())
    assert whole.json["outputs"][0]["data"] == WANTED
    assert slow.status == 408
    assert "did not arrive within" in slow.error


def test_compressed_both_ways() -> None:
    rows = 200
    content = {"inputs": [tensor("x", "FP32", [rows, 16], [1.5] * rows * 16)]}
    settings: dict[str, Any] = {"mlp__settings": {"batching": {"max_batch_size": rows}}}

    async def asked() -> Answer:
        async with served("mlp", **settings) as caller:
            headers = {"Content-Encoding": "gzip", "Accept-Encoding": "br, gzip;q=0.8"}
            return await caller.ask("POST", "/v2/models/mlp/infer", gzip.compress(orjson.dumps(content)), headers)

    answer = run(asked())
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "accept-encoding"
    assert orjson.loads(gzip.decompress(answer.body))["outputs"][0]["data"] == [3.0] * rows * 4
    small = answered("mlp", ASKED, {"Accept-Encoding": "gzip"})
    assert "content-encoding" not in small.headers
    never = {"endpoints": {"open-inference": {"compress_above_bytes": 10**9}}}
    assert "content-encoding" not in answered("mlp", content, {"Accept-Encoding": "gzip"}, **settings, **never).headers


def test_a_large_request_does_not_stall_the_others() -> None:
    columns = 1_500_000
    body = orjson.dumps({"inputs": [tensor("x", "FP32", [1, columns], [0.123456] * columns)]})

    async def asked() -> tuple[Answer, float, float]:
        async with served("echo-fp32") as caller:
            longest = 0.0
            loop = asyncio.get_running_loop()
            began = loop.time()
            task = asyncio.ensure_future(caller.ask("POST", "/v2/models/echo-fp32/infer", body))
            while not task.done():
                before = loop.time()
                await asyncio.sleep(0.001)
                longest = max(longest, loop.time() - before)
            return task.result(), longest, loop.time() - began

    answer, longest, took = run(asked())
    assert answer.json["outputs"][0]["shape"] == [1, columns]
    assert longest < took / 3  # in one piece, decoding alone would be about that much


def test_a_full_queue_sheds_with_the_status_of_choice() -> None:
    async def asked(**config: Any) -> list[Answer]:
        settings = {"scheduler": {"max_queue": 1}, "batching": {"policy": "none"}}
        async with served("gated", gated__settings=settings, **config) as caller:
            GATE.clear()
            try:
                content = {"inputs": [tensor("x", "FP32", [1, 1], [1])]}
                tasks = []
                for _ in range(6):
                    tasks.append(asyncio.ensure_future(caller.infer("gated", content)))
                    await asyncio.sleep(0.05)
                shed = [task.result() for task in tasks if task.done()]
            finally:
                GATE.set()
            done = await asyncio.gather(*tasks)
            assert sum(answer.status == 200 for answer in done) == 6 - len(shed)
            return shed

    for config, status in (({}, 503), ({"endpoints": {"open-inference": {"overload_status": 429}}}, 429)):
        shed = run(asked(**config))
        assert shed
        assert {answer.status for answer in shed} == {status}
        assert "Exceeds maximum queue size" in shed[0].error
        assert int(shed[0].headers["retry-after"]) >= 1


def test_a_deadline_that_passes() -> None:
    content = {"inputs": [tensor("x", "FP32", [1, 1], [1])], "parameters": {"timeout": 50_000}}
    answer = answered("slow", content)
    assert (answer.status, answer.error) == (503, "Request timeout expired")


def test_nothing_is_sent_to_a_client_that_has_gone() -> None:
    async def asked() -> tuple[Answer, Any, Any]:
        async with served("gated") as caller:
            GATE.clear()
            try:
                body = orjson.dumps({"inputs": [tensor("x", "FP32", [1, 1], [1])]})
                answer = await caller.ask("POST", "/v2/models/gated/infer", body, gone_after=0.01)
            finally:
                GATE.set()
            statistics = caller.app.server.model("gated").version().statistics
            return answer, statistics.cancelled, statistics.outstanding

    answer, cancelled, outstanding = run(asked())
    assert (answer.status, cancelled, outstanding) == (0, 1, 0)


def test_many_at_once_get_their_own_answers() -> None:
    async def one(caller: Caller, number: int) -> bool:
        content = {"id": str(number), "inputs": [tensor("x", "FP32", [1, 16], [number] * 16)]}
        answer = (await caller.infer("mlp", content)).json
        return bool(answer["id"] == str(number) and answer["outputs"][0]["data"] == [2.0 * number] * 4)

    async def asked() -> list[bool]:
        async with served("mlp") as caller:
            return await asyncio.gather(*(one(caller, number) for number in range(100)))

    assert all(run(asked()))
