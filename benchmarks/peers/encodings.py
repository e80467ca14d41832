"""How a request is written and its answer read, in the protocols that the peers speak."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.load import post

_DATATYPES = {"int64": "INT64", "float32": "FP32"}
Inputs = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Encoding:
    """`write`: path and inputs to a request's bytes. `read`: output name, headers and body to an array of [1, n]."""

    name: str
    write: Callable[[str, Inputs], bytes]
    read: Callable[[str, Mapping[str, str], bytes], NDArray[Any]]


def _write_plain(path: str, inputs: Inputs) -> bytes:
    content = {name: array.tolist() for name, array in inputs.items()}
    return post(path, json.dumps(content).encode(), [("Content-Type", "application/json")])


def _read_plain(output: str, headers: Mapping[str, str], body: bytes) -> NDArray[Any]:
    return np.array(json.loads(body)[output], np.float32)


def _described(inputs: Inputs) -> list[dict[str, Any]]:
    return [
        {"name": name, "shape": list(array.shape), "datatype": _DATATYPES[array.dtype.name]}
        for name, array in inputs.items()
    ]


def _write_json(path: str, inputs: Inputs) -> bytes:
    content = {"inputs": [{**one, "data": inputs[one["name"]].ravel().tolist()} for one in _described(inputs)]}
    return post(path, json.dumps(content).encode(), [("Content-Type", "application/json")])


def _read_json(output: str, headers: Mapping[str, str], body: bytes) -> NDArray[Any]:
    (one,) = json.loads(body)["outputs"]
    return np.array(one["data"], np.float32).reshape(one["shape"])


def binary(path: str, inputs: Inputs, **parameters: Any) -> bytes:
    """A request in the protocol's binary form, with further `parameters`."""
    described = [{**one, "parameters": {"binary_data_size": inputs[one["name"]].nbytes}} for one in _described(inputs)]
    head = json.dumps({"inputs": described, "parameters": {"binary_data_output": True, **parameters}}).encode()
    body = head + b"".join(array.tobytes() for array in inputs.values())
    return post(path, body, [("Inference-Header-Content-Length", str(len(head)))])


def _read_binary(output: str, headers: Mapping[str, str], body: bytes) -> NDArray[Any]:
    length = int(headers["inference-header-content-length"])
    (one,) = json.loads(body[:length])["outputs"]
    return np.frombuffer(body[length:], np.float32).reshape(one["shape"])


PLAIN = Encoding("JSON rows", _write_plain, _read_plain)
JSON = Encoding("JSON", _write_json, _read_json)
BINARY = Encoding("binary", binary, _read_binary)
