"""kserve's InferenceRESTClient against a running server. Runs in the environment of `make interop`, which has kserve.

python kserve_client.py URL INPUTS.npz      prints one line of JSON for each check, exits non-zero if one fails
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig
from numpy.typing import NDArray


def request(ids: NDArray[np.int64], binary: bool) -> Any:
    """An inference request for MiniLM, as kserve makes it."""
    inputs = []
    for name, array in (("input_ids", ids), ("attention_mask", np.ones_like(ids))):
        one = InferInput(name=name, shape=list(array.shape), datatype="INT64")
        one.set_data_from_numpy(array, binary_data=binary)
        inputs.append(one)
    return InferRequest(model_name="minilm", infer_inputs=inputs, request_id="kserve-1")


async def main(url: str, path: str) -> bool:
    """Whether every check passed."""
    cases = np.load(path)
    fine = True

    def check(name: str, passed: bool) -> None:
        nonlocal fine
        fine &= passed
        print(json.dumps({"check": name, "passed": passed}), flush=True)

    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=1))
    check("server live", await client.is_server_live(url))
    check("server ready", await client.is_server_ready(url))
    check("model ready", await client.is_model_ready(url, "minilm"))
    check("unknown model is not ready", not await client.is_model_ready(url, "nothing"))
    for binary in (True, False):
        answers = await asyncio.gather(
            *(client.infer(url, request(cases[f"ids{n}"], binary), model_name="minilm") for n in range(4))
        )
        for n, answer in enumerate(answers):
            got = answer.outputs[0].as_numpy()
            right = cases[f"embedding{n}"]
            same = got.shape == right.shape and bool(np.allclose(got, right, atol=1e-5)) and answer.id == "kserve-1"
            check(f"{'binary' if binary else 'JSON'} answer {n} equals the in-process one", same)
    await client.close()
    return fine


if __name__ == "__main__":
    sys.exit(not asyncio.run(main(sys.argv[1], sys.argv[2])))
