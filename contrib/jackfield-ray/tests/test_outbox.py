"""What is said between two sendings goes in one, with arrays beside it."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from pydantic import ValidationError

from jackfield_ray import messages as say
from jackfield_ray.options import RayOptions
from jackfield_ray.outbox import Outbox
from jackfield_ray.tensors import packed, unpacked

_DECODER = msgspec.msgpack.Decoder(list[say.FromWorker])


def _outbox() -> Outbox:
    encoder = msgspec.msgpack.Encoder()
    return Outbox(encoder, lambda running: [say.Now(0, 0, 0, 0, None, running)])


def _read(said: bytes | list[bytes | np.ndarray]) -> list[say.FromWorker]:
    body = said if isinstance(said, bytes) else said[0]
    assert isinstance(body, bytes)
    return _DECODER.decode(body)


def test_what_is_said_meanwhile_goes_together() -> None:
    outbox, arrays = _outbox(), {"small": np.arange(4), "large": np.arange(9000.0).reshape(90, 100).T}
    outbox.put(lambda beside: say.Told([say.Answered(0, -1, packed(arrays, beside), {})], []))
    outbox.put(lambda beside: say.Told([say.Answered(1, -1, packed(arrays, beside), {})], []))
    outbox.close()
    (said,) = outbox
    assert len(said) == 3
    first, second, now = _read(said)
    for told in (first, second):
        assert isinstance(told, say.Told)
        found = unpacked(told.answers[0].outputs, said[1:])
        assert all(np.array_equal(found[name], arrays[name]) for name in arrays)
    assert isinstance(now, say.Now)


def test_texts_come_back() -> None:
    texts = np.array([[b"a", b""], ["ü".encode(), b"\0"]], object)
    (tensor,) = packed({"x": texts}, []).values()
    assert unpacked({"x": tensor}, ())["x"].tolist() == texts.tolist()


def test_it_gives_signs_of_life_and_tells_what_runs() -> None:
    outbox = _outbox()
    sayings = iter(outbox)
    assert _read(next(sayings)) == [say.Now(0, 0, 0, 0, None, None)]
    outbox.run([3, 4])
    assert _read(next(sayings)) == [say.Now(0, 0, 0, 0, None, (3, 4))]
    outbox.run([])
    outbox.run([3, 4])
    assert _read(next(sayings)) == [say.Now(0, 0, 0, 0, None, None)]
    outbox.close()
    assert [_read(said) for said in sayings] == [[say.Now(0, 0, 0, 0, None, None)]]


@pytest.mark.parametrize("address", ["ray://head:10001", "head", "", "head:", "a b:1", "http://head:1"])
def test_addresses_that_ray_could_not_take_are_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        RayOptions(address=address)
