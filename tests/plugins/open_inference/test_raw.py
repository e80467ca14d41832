from __future__ import annotations

import numpy as np
import pytest

from jackfield import Array, Datatype, Signature, TensorSpec
from jackfield.errors import InvalidRequest
from jackfield_plugins.open_inference.raw import decode_raw
from tests.plugins.open_inference.stub import spec


def read(tensor: TensorSpec, body: bytes) -> Array:
    request = decode_raw(body, Signature((tensor,), ()), "m", "2")
    assert (request.model, request.version, request.id, request.outputs) == ("m", "2", "", ())
    (array,) = request.inputs.values()
    return array


@pytest.mark.parametrize(
    ("tensor", "elements", "shape"),
    [
        (spec("x", Datatype.FP32, -1, 4), 12, (3, 4)),
        (spec("x", Datatype.FP32, -1, 4), 0, (0, 4)),
        (spec("x", Datatype.FP32, -1, -1), 5, (1, 5)),
        (spec("x", Datatype.FP32, 2, -1, batch_axis=None), 6, (2, 3)),
        (spec("x", Datatype.FP32, 3, batch_axis=None), 3, (3,)),
        (TensorSpec("x", Datatype.FP32, None), 7, (7,)),
    ],
)
def test_the_open_axis_follows_from_the_length(tensor: TensorSpec, elements: int, shape: tuple[int, ...]) -> None:
    content = np.arange(elements, dtype=np.float32)
    array = read(tensor, content.tobytes())
    assert array.shape == shape
    assert (array.ravel() == content).all()


def test_a_text_is_the_body_itself() -> None:
    assert read(spec("x", Datatype.BYTES, -1, 1), b"\x00body").tolist() == [[b"\x00body"]]
    with pytest.raises(InvalidRequest, match="has 2 elements"):
        read(spec("x", Datatype.BYTES, -1, 2), b"body")


@pytest.mark.parametrize(
    ("tensor", "size", "says"),
    [
        (spec("x", Datatype.FP32, -1, 4), 15, "which a body of 15 bytes does not fit"),
        (spec("x", Datatype.FP32, -1, 4), 20, "which a body of 20 bytes does not fit"),
        (spec("x", Datatype.FP32, 3, batch_axis=None), 16, "which a body of 16 bytes does not fit"),
        (spec("x", Datatype.FP32, -1, 0), 16, "which a body of 16 bytes does not fit"),
        (spec("x", Datatype.FP32, -1, -1, -1), 16, "has several open axes"),
    ],
)
def test_what_does_not_fit_is_refused(tensor: TensorSpec, size: int, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        read(tensor, b"\x00" * size)


def test_one_input_must_be_the_only_one() -> None:
    a, b = spec("a", Datatype.FP32, -1), spec("b", Datatype.FP32, -1)
    with pytest.raises(InvalidRequest, match="model 'm' has 2"):
        decode_raw(b"", Signature((a, b), ()), "m", "")
    optional = TensorSpec("b", Datatype.FP32, (-1,), optional=True)
    assert list(decode_raw(b"", Signature((a, optional), ()), "m", "").inputs) == ["a"]
