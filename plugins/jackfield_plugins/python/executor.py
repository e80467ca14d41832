"""Executor of Python models."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Sequence
from typing import Any

from jackfield import Array, Capabilities, Signature, TensorExecutor
from jackfield.errors import ExecutionFailed
from jackfield_plugins.python.convert import from_array, to_array, to_rows
from jackfield_plugins.python.loader import PythonModel


class PythonExecutor(TensorExecutor):
    """Calls an instance's `predict` with the inputs by name.

    What is async runs on an event loop of this executor's own, which turns only while it is waited for: tasks that a
    model leaves behind go on with its next call.
    """

    def __init__(self, instance: Any, model: PythonModel, signature: Signature, capabilities: Capabilities) -> None:
        super().__init__(signature, capabilities)
        self._instance = instance
        self._predict = instance.predict
        self._plain = model.plain
        self._inputs = {bound.spec.name: bound for bound in model.inputs}
        self._nones = [bound.spec.name for bound in model.inputs if bound.none_if_absent]
        self._outputs = model.outputs
        self._loop: asyncio.AbstractEventLoop | None = None

    def load(self) -> None:
        """Call the model's `load` if it has one. Lets pass what it raises."""
        load = getattr(self._instance, "load", None)
        if load is not None:
            self._waited(load())

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Call `predict`. Whatever it raises passes through: the engine makes an answer without paths of it, and a
        model may refuse a request with InvalidRequest. Raises ExecutionFailed if it returns something else than its
        outputs."""
        arguments = {name: from_array(self._inputs[name], array) for name, array in inputs.items()}
        for name in self._nones:
            arguments.setdefault(name, None)
        value = self._waited(self._predict(**arguments))
        values = self._apart(value)
        return {
            b.spec.name: to_rows(b.spec, v) if b.rows else to_array(b.spec, v)
            for b, v in zip(self._outputs, values, strict=True)
            if b.spec.name in outputs
        }

    def close(self) -> None:
        """Call the model's `unload` if it has one, and let go of it whatever that raises."""
        try:
            unload = getattr(self._instance, "unload", None)
            if unload is not None:
                self._waited(unload())
        finally:
            self.discard()

    def discard(self) -> None:
        """Let go of the instance and end its event loop, without asking it."""
        self._instance = self._predict = None
        loop, self._loop = self._loop, None
        if loop is None:
            return
        try:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True) if tasks else asyncio.sleep(0))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()

    def _waited(self, value: Any) -> Any:
        if not inspect.isawaitable(value):
            return value
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(_await(value))

    def _apart(self, value: Any) -> Sequence[Any]:
        try:
            values = self._plain(value)
        except (KeyError, AttributeError, TypeError):
            values = ()
        if len(values) != len(self._outputs):
            names = ", ".join(f"'{bound.spec.name}'" for bound in self._outputs)
            raise ExecutionFailed(f"the model returned a {type(value).__name__} that does not hold its outputs {names}")
        return values


async def _await(value: Any) -> Any:
    return await value
