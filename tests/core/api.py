"""The API that plugins are written against, as text: every hook, every interface and the vocabulary.

`api.txt` is that text as it was frozen. After a change on purpose, which raises API_VERSION (the minor one for an
addition, the major one for anything else), write it anew from the root of the repository: `python -m tests.core.api`
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import jackfield.interfaces
from jackfield import hookspecs
from jackfield.plugins import API_VERSION

SNAPSHOT = Path(__file__).with_name("api.txt")
VOCABULARY = ("jackfield.types", "jackfield.work", "jackfield.clock", "jackfield.options", "jackfield.errors")


def api() -> str:
    """The whole API as text, in the order of the source."""
    lines = [f"API version {API_VERSION}", "", "hooks", ""]
    lines += [signature(name, function) for name, function in hooks().items()]
    interfaces = [
        module.name for module in pkgutil.iter_modules(jackfield.interfaces.__path__, "jackfield.interfaces.")
    ]
    for name in (*sorted(interfaces), *VOCABULARY):
        module = importlib.import_module(name)
        lines += ["", "", name]
        for cls in classes(module):
            lines += ["", *class_signature(cls)]
    return "\n".join(lines) + "\n"


def hooks() -> dict[str, FunctionType]:
    """Every hook by name, in the order of the source."""
    return {name: value for name, value in vars(hookspecs).items() if name.startswith("jackfield_")}


def classes(module: ModuleType) -> list[type]:
    """The public classes that `module` defines."""
    return [
        value
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__ and not name.startswith("_")
    ]


def class_signature(cls: type) -> Iterator[str]:
    """A class as lines: bases, fields, and its own public methods."""
    bases = ", ".join(base.__name__ for base in cls.__bases__ if base is not object)
    yield f"class {cls.__name__}({bases})" if bases else f"class {cls.__name__}"
    if issubclass(cls, enum.Enum):
        yield from (f"    {member.name} = {member.value!r}" for member in cls)
    defaults = {f.name: _default(f) for f in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else {}
    for name, annotation in inspect.get_annotations(cls).items():
        if not name.startswith("_") and name != "model_config":
            yield f"    {name}: {annotation}{defaults.get(name, _value(cls, name))}"
    for name, member in vars(cls).items():
        if (name.startswith("_") and name not in ("__init__", "__len__", "__iter__")) or _generated(cls, name):
            continue
        yield from members(name, member)


def _generated(cls: type, name: str) -> bool:
    """Whether Python wrote this method from the fields, which are listed already."""
    if name != "__init__":
        return False
    return dataclasses.is_dataclass(cls) or bool(getattr(cls, "_is_protocol", False))


def members(name: str, member: Any) -> Iterator[str]:
    """A method or property as one line; nothing for anything else."""
    if isinstance(member, property):
        yield f"    {_abstract(member.fget)}property {signature(name, member.fget)}"
    elif isinstance(member, classmethod | staticmethod) and isinstance(member.__func__, FunctionType):
        yield f"    {_abstract(member)}{type(member).__name__} {signature(name, member.__func__)}"
    elif isinstance(member, FunctionType):
        yield f"    {_abstract(member)}{signature(name, member)}"


def signature(name: str, function: Any) -> str:
    """A function as one line, its annotations as they stand in the source."""
    real = inspect.signature(function)
    parameters = [
        p.replace(annotation=_Text(p.annotation)) if p.annotation is not p.empty else p
        for p in real.parameters.values()
    ]
    shown = real.replace(parameters=parameters, return_annotation=_Text(real.return_annotation))
    return f"{name}{shown}"


class _Text:
    """An annotation that is shown without the quotes of the text that it is."""

    def __init__(self, text: object) -> None:
        self.text = text

    def __repr__(self) -> str:
        return str(self.text)


def _abstract(member: object) -> str:
    return "abstract " if getattr(member, "__isabstractmethod__", False) else ""


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return f" = {field.default!r}"
    if field.default_factory is not dataclasses.MISSING:
        return f" = {getattr(field.default_factory, '__name__', 'made')}()"
    return "" if field.init else " (not given)"


def _value(cls: type, name: str) -> str:
    value = vars(cls).get(name, dataclasses.MISSING)
    if value is dataclasses.MISSING or inspect.ismemberdescriptor(value):
        return ""
    return f" = {value.__name__}" if isinstance(value, type) else f" = {value!r}"


if __name__ == "__main__":
    SNAPSHOT.write_text(api())
