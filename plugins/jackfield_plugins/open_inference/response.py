"""The response to an inference request, encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from jackfield import Array, Response, Signature
from jackfield_plugins.open_inference.binary import to_binary
from jackfield_plugins.open_inference.classification import classify
from jackfield_plugins.open_inference.json_output import refuse_infinite, to_json
from jackfield_plugins.open_inference.language import plain
from jackfield_plugins.open_inference.outputs import Wanted

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY


class Encoded(NamedTuple):
    """A body, and how much of it is JSON if binary data follows that."""

    body: bytes
    header_length: int | None


def encode(
    model: str,
    version: str,
    identity: str,
    response: Response,
    signature: Signature,
    wanted: Wanted,
    labels: Mapping[str, Sequence[str]],
) -> Encoded:
    """The body of `response`. Raises InvalidRequest if what was asked for cannot be expressed, ExecutionFailed if the
    model gave what is no tensor. Thread-safe."""
    forms, default = wanted
    specs = {spec.name: spec for spec in signature.outputs}
    outputs: list[dict[str, Any]] = []
    buffers: list[Any] = []
    listed: list[tuple[str, Array]] = []
    for name, array in response.outputs.items():
        spec = specs[name]
        datatype = spec.datatype._value_  # without the enumeration's descriptor
        binary, classes = forms.get(name, default) if forms else default
        if classes:
            array, datatype = classify(spec, array, classes, labels.get(name, ())), "BYTES"  # noqa: PLW2901
        if binary:
            buffer = to_binary(array)
            buffers.append(buffer)
            parameters = {"binary_data_size": buffer.nbytes}
            outputs.append({"name": name, "datatype": datatype, "shape": array.shape, "parameters": parameters})
        else:
            listed.append((name, array))
            data = to_json(name, array)
            outputs.append({"name": name, "datatype": datatype, "shape": array.shape, "data": data})
    message: dict[str, Any] = {"model_name": model, "model_version": version, "outputs": outputs}
    if identity:
        message["id"] = identity
    if response.parameters and (told := plain(response.parameters)):
        message["parameters"] = told
    text = orjson.dumps(message, option=_OPTIONS)
    if b"null" in text:  # what orjson makes of NaN and infinity; a quick look that is right almost always
        refuse_infinite(listed)
    return Encoded(b"".join([text, *buffers]), len(text)) if buffers else Encoded(text, None)
