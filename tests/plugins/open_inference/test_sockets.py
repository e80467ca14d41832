"""Every datatype over a real socket, with a client that others wrote."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
import uvicorn
from tritonclient.utils import InferenceServerException

from jackfield import Datatype, create_app
from tests.plugins.open_inference.stub import registry

# how BF16 is given to the client changed between its releases, so that is left to the tests without it
ECHOES: dict[Datatype, str] = {
    datatype: f"echo-{datatype.value.lower()}" for datatype in Datatype if datatype is not Datatype.BF16
}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    names = [*ECHOES.values(), "mlp"]
    document = {
        "models": {name: {"source": f"stub:{name}", "warm_up": "off"} for name in names},
        "endpoints": {"open-inference": {}},
        "observers": {},
    }
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(create_app(document, registry=registry()), log_config=None, lifespan="on", ws="none")
    )
    thread = threading.Thread(target=asyncio.run, args=(server.serve([listener]),))
    thread.start()
    client = triton.InferenceServerClient(f"127.0.0.1:{listener.getsockname()[1]}", network_timeout=30)
    try:
        yield client
    finally:
        client.close()
        server.should_exit = True
        thread.join(30)
        listener.close()


def values(datatype: Datatype) -> Any:
    if datatype is Datatype.BYTES:
        return np.array([["a", "bé\n"]], object)
    if datatype is Datatype.BOOL:
        return np.array([[True, False]])
    return np.array([[1, 2]], datatype.numpy)


def given(datatype: Datatype, binary: bool = True) -> Any:
    array = values(datatype)
    tensor = triton.InferInput("x", list(array.shape), datatype.value)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return tensor


@pytest.mark.parametrize(
    ("datatype", "binary"),
    [(datatype, binary) for datatype in ECHOES for binary in (True, False) if binary or datatype is not Datatype.FP16],
)
def test_every_datatype(client: Any, binary: bool, datatype: Datatype) -> None:
    output = triton.InferRequestedOutput("y", binary_data=binary)
    result = client.infer(ECHOES[datatype], [given(datatype, binary)], outputs=[output])
    expected = values(datatype)
    array = result.as_numpy("y")
    if datatype is Datatype.BYTES:
        array = np.array([[x.decode() if isinstance(x, bytes) else x for x in row] for row in array.tolist()], object)
    assert array.dtype == expected.dtype
    assert array.tolist() == expected.tolist()


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False])
def test_compressed_beyond_what_is_done_at_once(client: Any, binary: bool, algorithm: str) -> None:
    array = np.arange(100_000, dtype=np.int32).reshape(1, -1)
    tensor = triton.InferInput("x", list(array.shape), "INT32")
    tensor.set_data_from_numpy(array, binary_data=binary)
    result = client.infer(
        ECHOES[Datatype.INT32],
        [tensor],
        outputs=[triton.InferRequestedOutput("y", binary_data=binary)],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    assert (result.as_numpy("y") == array).all()


def test_raw_body(client: Any) -> None:
    array = np.arange(16, dtype=np.float32)
    response = client._post(
        "v2/models/mlp/infer", array.tobytes(), {"Inference-Header-Content-Length": "0"}, query_params=None
    )
    result = triton.InferResult(response, False)
    assert result.as_numpy("y").tolist() == [[0, 2, 4, 6]]


def test_errors_have_the_status_and_text_that_clients_look_for(client: Any) -> None:
    with pytest.raises(InferenceServerException, match="unexpected inference input 'q'") as raised:
        client.infer("mlp", [triton.InferInput("q", [0, 16], "FP32").set_data_from_numpy(np.empty((0, 16), "f"))])
    assert raised.value.status() == "400"
