"""Loader of Python classes."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from jackfield import Artifact, Loader, Options, Signature
from jackfield.errors import LoadError
from jackfield_plugins.python.annotations import Bound, Plain, by_name_or_order, parameters, returned
from jackfield_plugins.python.declared import DeclaredTensor, known, overlay
from jackfield_plugins.python.source import find, split


class PythonLoaderOptions(Options):
    """Options of the loader `python`."""

    init: dict[str, Any] = {}
    """Arguments that the class is made with."""
    inputs: list[DeclaredTensor] = []
    """Inputs whose types the class does not state, or states otherwise."""
    outputs: list[DeclaredTensor] = []
    """Outputs, likewise; in order, where `predict` does not say what it returns."""
    batch: bool = True
    """Whether `predict` takes the rows of many requests at once, joined along axis 0; false: one request as it was
    sent."""


@dataclass(frozen=True, slots=True)
class PythonModel:
    """Content of artifacts of kind `python`: the class, what to make it with, and how its `predict` is called."""

    cls: type
    init: dict[str, Any]
    inputs: tuple[Bound, ...]
    outputs: tuple[Bound, ...]
    plain: Plain
    batch: bool


class PythonLoader(Loader):
    """Imports the class that the source names, which is the consent to run its code, and reads its signature."""

    options = PythonLoaderOptions
    settings: PythonLoaderOptions

    @classmethod
    def detects(cls, source: str) -> bool:
        """By `:Class` at the end. A `.py` file without is taken as well, to be refused with the right form."""
        return split(source) is not None or source.endswith(".py")

    def load(self, source: str) -> Artifact:
        """Import the class; no instance is made yet. Raises LoadError saying what is wrong with it."""
        cls = find(source)
        _check_methods(cls, source)
        _check_init(cls, self.settings.init, source)
        inputs = self._inputs(cls, source)
        outputs, plain = self._outputs(cls, source)
        if self.settings.batch:
            inputs, outputs = _batched(inputs, "input", source), _batched(outputs, "output", source)
        content = PythonModel(cls, self.settings.init, inputs, outputs, plain, self.settings.batch)
        signature = Signature(tuple(b.spec for b in inputs), tuple(b.spec for b in outputs))
        return Artifact("python", source, content, signature, declared_batch=True)

    def _inputs(self, cls: Any, source: str) -> tuple[Bound, ...]:
        names = frozenset(tensor.name for tensor in self.settings.inputs)
        found = parameters(cls.predict, names, f"predict of '{source}'")
        given = known("input", tuple(found), self.settings.inputs, source)
        return tuple(overlay(bound, given[name]) if name in given else bound for name, bound in found.items())

    def _outputs(self, cls: Any, source: str) -> tuple[tuple[Bound, ...], Plain]:
        declared = self.settings.outputs
        found = returned(cls.predict, frozenset(tensor.name for tensor in declared), f"predict of '{source}'")
        if found is None:
            given = known("output", [tensor.name for tensor in declared], declared, source)
            return tuple(overlay(None, tensor) for tensor in declared), by_name_or_order(tuple(given))
        if len(found.outputs) == 1 and len(declared) == 1:  # a single array has no name of its own
            return (overlay(found.outputs[0], declared[0]),), found.plain
        given = known("output", [bound.spec.name for bound in found.outputs], declared, source)
        outputs = tuple(overlay(b, given[b.spec.name]) if b.spec.name in given else b for b in found.outputs)
        return outputs, found.plain


def _check_methods(cls: Any, source: str) -> None:
    predict = getattr(cls, "predict", None)
    if not callable(predict):
        raise LoadError(f"'{source}' has no method 'predict'")
    if inspect.isgeneratorfunction(predict) or inspect.isasyncgenfunction(predict):
        raise LoadError(f"predict of '{source}' must return its outputs, not yield them")


def _check_init(cls: type, init: dict[str, Any], source: str) -> None:
    try:
        found = inspect.signature(cls).parameters
    except ValueError:  # a class written in C
        return
    takes = {name for name, p in found.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    if not any(p.kind is p.VAR_KEYWORD for p in found.values()):
        for name in init:
            if name not in takes:
                has = ", ".join(f"'{n}'" for n in sorted(takes)) or "none"
                raise LoadError(f"'init' gives argument '{name}', which '{source}' does not take; it takes {has}")
    for name in takes - init.keys():
        if found[name].default is inspect.Parameter.empty:
            raise LoadError(f"'init' lacks argument '{name}', which '{source}' cannot be made without")


def _batched(tensors: Sequence[Bound], role: str, source: str) -> tuple[Bound, ...]:
    for bound in tensors:
        spec = bound.spec
        if spec.shape is not None and spec.shape[:1] != (-1,):
            raise LoadError(
                f"{role} '{spec.name}' of '{source}' has shape {list(spec.shape)}, and its first axis is the batch: "
                "make that -1, or set 'batch: false' in the loader's options"
            )
    return tuple(replace(bound, spec=replace(bound.spec, batch_axis=0)) for bound in tensors)
