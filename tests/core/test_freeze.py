"""The API that plugins are written against does not change by accident.

`api.txt` holds every hook, every interface and the vocabulary in their signatures. After a change on purpose, which
raises API_VERSION (the minor one for an addition, the major one for anything else), write it anew from the root of the
repository with: `python -m tests.core.test_freeze`
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
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
from jackfield.plugins.sockets import SOCKETS

SNAPSHOT = Path(__file__).with_name("api.txt")
VOCABULARY = ("jackfield.types", "jackfield.work", "jackfield.clock", "jackfield.options", "jackfield.errors")


def api() -> str:
    """The whole API as text, in the order of the source."""
    lines = [f"API version {API_VERSION}", "", "hooks", ""]
    lines += [_signature(name, function) for name, function in _hooks().items()]
    interfaces = [
        module.name for module in pkgutil.iter_modules(jackfield.interfaces.__path__, "jackfield.interfaces.")
    ]
    for name in (*sorted(interfaces), *VOCABULARY):
        module = importlib.import_module(name)
        lines += ["", "", name]
        for cls in _classes(module):
            lines += ["", *_class(cls)]
    return "\n".join(lines) + "\n"


def _hooks() -> dict[str, FunctionType]:
    return {name: value for name, value in vars(hookspecs).items() if name.startswith("jackfield_")}


def _classes(module: ModuleType) -> list[type]:
    return [
        value
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__ and not name.startswith("_")
    ]


def _class(cls: type) -> Iterator[str]:
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
        yield from _member(name, member)


def _generated(cls: type, name: str) -> bool:
    """Whether Python wrote this method from the fields, which are listed already."""
    if name != "__init__":
        return False
    return dataclasses.is_dataclass(cls) or bool(getattr(cls, "_is_protocol", False))


def _member(name: str, member: Any) -> Iterator[str]:
    if isinstance(member, property):
        yield f"    {_abstract(member.fget)}property {_signature(name, member.fget)}"
    elif isinstance(member, classmethod | staticmethod) and isinstance(member.__func__, FunctionType):
        yield f"    {_abstract(member)}{type(member).__name__} {_signature(name, member.__func__)}"
    elif isinstance(member, FunctionType):
        yield f"    {_abstract(member)}{_signature(name, member)}"


def _signature(name: str, function: Any) -> str:
    signature = inspect.signature(function)
    parameters = [
        p.replace(annotation=_Text(p.annotation)) if p.annotation is not p.empty else p
        for p in signature.parameters.values()
    ]
    shown = signature.replace(parameters=parameters, return_annotation=_Text(signature.return_annotation))
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


def test_the_api_is_as_it_was_frozen() -> None:
    frozen, now = SNAPSHOT.read_text(), api()
    diff = "\n".join(difflib.unified_diff(frozen.splitlines(), now.splitlines(), "frozen", "now", lineterm="", n=2))
    assert now == frozen, f"the API has changed; if that is on purpose, see the top of {Path(__file__).name}:\n{diff}"


def test_every_socket_has_its_hook_and_every_hook_its_socket() -> None:
    assert {socket.hook for socket in SOCKETS} | {"jackfield_commands"} == set(_hooks())


def test_every_hook_says_since_which_version_it_exists() -> None:
    tree = ast.parse(Path(hookspecs.__file__).read_text())
    documented = {node.name: ast.get_docstring(node) or "" for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert documented.keys() == _hooks().keys()
    assert [name for name, text in documented.items() if "Since " not in text] == []


def test_no_interface_has_more_than_five_methods() -> None:
    for cls in vars(jackfield.interfaces).values():
        if isinstance(cls, type):
            own = [
                name for name, member in vars(cls).items() if not name.startswith("_") and any(_member(name, member))
            ]
            assert len(own) <= 5, f"{cls.__name__} has {own}"


if __name__ == "__main__":
    SNAPSHOT.write_text(api())
