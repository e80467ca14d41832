from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from jackfield_plugins.open_inference.headers import said
from jackfield_plugins.openai.call import LARGE, Call
from jackfield_plugins.openai.events import Events
from tests.core.lifecycle.fakes import in_loop


async def _nothing(*_: Any) -> Any:
    return {}


@in_loop
async def test_what_the_headers_say_goes_with_the_request() -> None:
    told = said({b"x-request-id": b"mine", b"x-tenant": b"t"}, b"x-tenant")
    call = Call(b"[1]", told, _nothing, Events(_nothing, []))
    request = call.request("m", {"tokens": np.zeros(1, np.int32)}, {"n": 1}, 3)
    assert (request.id, request.tenant, request.priority, request.parameters) == ("mine", "t", 3, {"n": 1})
    other = Call(b"", said({}, None), _nothing, Events(_nothing, []))
    assert other.request("m", {}, {}).id == other.unique != call.unique


@in_loop
async def test_long_bodies_are_decoded_elsewhere() -> None:
    call = Call(b"[" + b"1," * LARGE + b"1]", said({}, None), _nothing, Events(_nothing, []))
    assert len(await call.decoded(msgspec.json.Decoder(list[int]))) == LARGE + 1
