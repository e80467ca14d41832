"""Requests to one model, and whether its answer is right."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.generation.models import original
from benchmarks.peers.subjects import Subject, subject

SMOLLM2 = "smollm2"
_TOLERANCE = 1e-4


class Asked(Protocol):
    """A model that is asked. `path`: of what it is loaded from."""

    name: str
    path: Path

    def first(self, port: int) -> bool:
        """Whether it gives its right answer. Raises OSError, HTTPException or LookupError as long as it gives none."""
        ...

    def work(self, port: int) -> None:
        """Keep it at work with one request. Raises as `first`."""
        ...


class Tensors:
    """MiniLM or a perceptron, over the open inference protocol."""

    def __init__(self, name: str) -> None:
        self._subject: Subject = subject(name)
        self.name, self.path = name, self._subject.path

    def first(self, port: int) -> bool:
        """Compared with ONNX Runtime's own."""
        inputs = [
            {"name": name, "shape": list(array.shape), "datatype": _datatype(array), "data": array.ravel().tolist()}
            for name, array in self._subject.asked[0].items()
        ]
        told = _post(port, f"/v2/models/{self.name}/infer", {"inputs": inputs})
        outputs = {output["name"]: output for output in told["outputs"]}
        got = np.array(outputs[self._subject.output]["data"], np.float32)
        return bool(np.allclose(got, self._subject.right[0].ravel(), atol=_TOLERANCE))

    def work(self, port: int) -> None:
        """The same request."""
        self.first(port)


class Text:
    """SmolLM2, over the API of OpenAI's clients. The right answer is the one that it gave first."""

    name = SMOLLM2

    def __init__(self) -> None:
        self.path = original()
        self._right = ""

    def first(self, port: int) -> bool:
        """Sixteen tokens, the likeliest each."""
        asked = {"model": self.name, "prompt": "The capital of France is", "max_tokens": 16, "temperature": 0}
        text: str = _post(port, "/v1/completions", asked)["choices"][0]["text"]
        self._right = self._right or text
        return text == self._right

    def work(self, port: int) -> None:
        """A long stream."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        asked = {"model": self.name, "prompt": "Once upon a time", "max_tokens": 400, "stream": True}
        connection.request("POST", "/v1/completions", json.dumps(asked), {"content-type": "application/json"})
        while connection.getresponse().read(64):
            pass


def asked_of(name: str) -> Asked:
    """A model by its name: `mlp`, `minilm` or `smollm2`."""
    return Text() if name == SMOLLM2 else Tensors(name)


def at_work(models: list[Asked], port: int) -> list[threading.Thread]:
    """Two clients of each, who go on until nobody answers."""

    def go_on(model: Asked) -> None:
        try:
            while True:
                model.work(port)
        except (OSError, http.client.HTTPException, ValueError):  # it was killed
            return

    clients = [threading.Thread(target=go_on, args=(model,), daemon=True) for model in models for _ in range(2)]
    for client in clients:
        client.start()
    return clients


def _post(port: int, path: str, body: Mapping[str, Any]) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        data = response.read()
        if response.status != 200:
            raise LookupError(f"status {response.status}: {data[:200]!r}")
        return json.loads(data)
    finally:
        connection.close()


def _datatype(array: Any) -> str:
    return "FP32" if array.dtype == np.float32 else "INT64"
