"""The endpoint of the Open Inference Protocol keeps to the contract of its socket."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from jackfield import Server
from jackfield.testing import EndpointContract, Example
from jackfield_plugins.open_inference.endpoint import OpenInference, OpenInferenceOptions

INPUT = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}
GETS = ("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/double", "/v2/models/double/versions/1/ready")


def _binary() -> Example:
    tensor = {key: INPUT[key] for key in ("name", "datatype", "shape")} | {"parameters": {"binary_data_size": 8}}
    header = json.dumps({"inputs": [tensor]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(header))}
    return Example("POST", "/v2/models/double/infer", header + np.array([1, 2], np.float32).tobytes(), headers)


class TestOpenInference(EndpointContract):
    def endpoint(self, server: Server) -> OpenInference:
        return OpenInference(OpenInferenceOptions(), server)

    def examples(self) -> Sequence[Example]:
        return [
            *(Example(method, path) for path in GETS for method in ("GET", "HEAD")),
            Example("POST", "/v2/models/double/infer", json.dumps({"inputs": [INPUT]}).encode()),
            _binary(),
            Example("POST", "/v2/models/double/generate", b'{"x": [1, 2]}'),
            Example("POST", "/v2/models/double/versions/1/generate_stream", b'{"x": [1, 2]}'),
            Example("POST", "/v2/repository/index", b"{}"),
        ]
