"""Requests whose answers are known: a version must give them before it is ready."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jackfield.config.updates import Golden, TensorFile
from jackfield.engine.bisect import public
from jackfield.errors import JackfieldError, LoadError
from jackfield.lifecycle.comparing import differing
from jackfield.types import Array, Datatype, Signature, TensorSpec
from jackfield.work import Request, Response, Result, Sink, Work


async def check_golden(
    model: str, golden: Sequence[Golden], signature: Signature, ask: Callable[[Request, Sink], Work]
) -> None:
    """Ask all that is in `golden`, one after the other. Raises LoadError that names the first that is not answered as
    expected, and how."""
    for number, one in enumerate(golden, 1):
        what = f"golden request {number} of {len(golden)}"
        try:
            inputs = await asyncio.to_thread(_tensors, one.inputs, signature.inputs, "input")
            expected = await asyncio.to_thread(_tensors, one.outputs, signature.outputs, "output")
            answered = await _answer(Request(model, inputs, parameters=dict(one.parameters)), ask)
        except JackfieldError as error:
            raise LoadError(f"{what}: {public(str(error))}") from error
        kinds = {spec.name: spec.datatype for spec in signature.outputs}
        for name, array in expected.items():
            problem = differing(name, kinds[name], answered.outputs, array, one.rtol, one.atol)
            if problem:
                raise LoadError(f"{what} is not answered as expected: {problem}")


async def _answer(request: Request, ask: Callable[[Request, Sink], Work]) -> Response:
    ended: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def told(work: Work, result: Result) -> None:
        if ended.done():  # loading was given up
            return
        if isinstance(result, Response):
            ended.set_result(result)
        else:
            ended.set_exception(result)

    ask(request, told)
    return await ended


def _tensors(given: Mapping[str, Any], specs: Sequence[TensorSpec], what: str) -> dict[str, Array]:
    by_name = {spec.name: spec for spec in specs}
    for name in given:
        if name not in by_name:
            known = ", ".join(f"'{spec.name}'" for spec in specs)
            raise LoadError(f"the model has no {what} '{name}': it has {known}")
    return {name: _tensor(by_name[name], value) for name, value in given.items()}


def _tensor(spec: TensorSpec, value: Any) -> Array:
    try:
        if isinstance(value, TensorFile):
            path = Path(value.file)
            value = np.load(path, allow_pickle=False) if path.suffix == ".npy" else json.loads(path.read_text("utf-8"))
        if spec.datatype is not Datatype.BYTES:
            return np.asarray(value, dtype=spec.datatype.numpy)
        texts = np.asarray(value, dtype=object)
        out = np.empty(texts.shape, dtype=object)
        out.reshape(-1)[:] = [one if isinstance(one, bytes) else str(one).encode() for one in texts.ravel().tolist()]
        return out
    except (OSError, ValueError, TypeError, OverflowError) as error:
        raise LoadError(f"'{spec.name}' is not a tensor of {spec.datatype}: {error}") from error
