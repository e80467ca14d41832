"""YAML to plain data that knows the line of each of its parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path as FilePath
from typing import Any

import yaml

from jackfield.config.document import Document, Origin, Path, Problem
from jackfield.config.environment import BadReference, substitute
from jackfield.errors import ConfigError

_MOST_NODES = 100_000
_DEEPEST = 64
_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """YAML 1.2's idea of numbers and switches: `off` and `no` are text, `1e3` is a number, `12:30` is not."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


for _kind, _pattern, _first in (
    ("null", r"(?:~|null|Null|NULL|)", ["~", "n", "N", ""]),
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)|0x[0-9a-fA-F]+|0o[0-7]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(f"(?:{_pattern})$"), _first)


def read_file(file: FilePath, environ: Mapping[str, str]) -> Document:
    """Read a YAML file. Raises ConfigError if it cannot be read at all; whatever else is wrong is in `problems`."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"configuration file '{file}' does not exist") from None
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"configuration file '{file}' cannot be read: {reason}") from None
    base = file.absolute().parent

    def origin(mark: yaml.Mark | None) -> str:
        return f"{file}:{mark.line + 1}" if mark is not None else str(file)

    document = parse(text, origin, base, environ)
    if document.data is None:
        document.data = {}
    if not isinstance(document.data, dict):
        raise ConfigError(f"{document.origins[()].where}: expected sections such as 'models:' and 'server:'")
    return document


def parse(text: str, where: Callable[[yaml.Mark | None], str], base: FilePath, environ: Mapping[str, str]) -> Document:
    """Read YAML; `where` names a place in it."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        reader = _Reader(loader, where, base, environ)
        if node is None:
            reader.document.origins[()] = Origin(where(None), base)
        else:
            reader.document.data = reader.read(node, (), node.start_mark)
    except yaml.MarkedYAMLError as error:
        quote = "; within braces, '${NAME}' needs quotes" if "${" in _line(text, error.problem_mark) else ""
        raise ConfigError(
            f"{where(error.problem_mark)}: this is not YAML: {error.problem or error.context}{quote}"
        ) from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{where(None)}: this is not YAML: {str(error).splitlines()[0]}") from None
    return reader.document


def _line(text: str, mark: yaml.Mark | None) -> str:
    lines = text.splitlines()
    return lines[mark.line] if mark is not None and mark.line < len(lines) else ""


class _Reader:
    """Walks the nodes itself: PyYAML's own constructor takes the last of two equal keys, and forgets the lines."""

    def __init__(
        self,
        loader: _Loader,
        where: Callable[[yaml.Mark | None], str],
        base: FilePath,
        environ: Mapping[str, str],
    ) -> None:
        self.document = Document(None, {})
        self._loader, self._where, self._base, self._environ = loader, where, base, environ
        self._nodes = 0

    def read(self, node: yaml.Node, path: Path, mark: yaml.Mark) -> Any:
        self._nodes += 1
        if len(path) > _DEEPEST or self._nodes > _MOST_NODES:  # aliases can make little text into very much data
            raise ConfigError(f"{self._where(mark)}: too deep or too much to be a configuration")
        self.document.origins[path] = Origin(self._where(mark), self._base)
        if isinstance(node, yaml.CollectionNode) and node.tag not in (f"{_TAG}map", f"{_TAG}seq"):
            self._problem(path, f"the tag '{node.tag}' is not allowed here", mark)
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, i), item.start_mark) for i, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                continue
            name = key.value
            if not isinstance(name, str):
                self._problem(path, "expected simple text as a key", key.start_mark)
                continue
            if name in lines:
                self._problem((*path, name), f"given twice, first on line {lines[name]}", key.start_mark)
            lines[name] = key.start_mark.line + 1
            data[name] = self.read(value, (*path, name), key.start_mark)
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                self._merge(data, value, path)
        return data

    def _merge(self, data: dict[str, Any], node: yaml.Node, path: Path) -> None:
        """`<<: *other`: what `other` has and this does not."""
        for one in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(one, yaml.MappingNode):
                self._problem((*path, "<<"), "expected an alias of a section", one.start_mark)
                continue
            for key, value in one.value:
                if key.tag == f"{_TAG}merge":
                    self._merge(data, value, path)
                elif isinstance(key.value, str) and key.value not in data:
                    data[key.value] = self.read(value, (*path, key.value), key.start_mark)

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        kind = node.tag.removeprefix(_TAG)
        if kind == "str":
            return self._text(node.value, path)
        if kind not in {"null", "bool", "int", "float"}:
            self._problem(path, f"the tag '{node.tag}' is not allowed here", node.start_mark)
            return None
        if kind == "int" and node.value.startswith("0o"):  # YAML 1.2's octal, which PyYAML does not know
            return int(node.value, 8)
        try:
            return self._loader.construct_object(node)
        except (ValueError, KeyError):  # a tag that the text does not fit: `!!int abc`
            self._problem(path, f"'{node.value}' is not of the kind that its tag says", node.start_mark)
            return None

    def _text(self, text: str, path: Path) -> str:
        try:
            value, values = substitute(text, self._environ)
        except BadReference as error:
            self.document.problems.append(Problem(path, str(error)))
            return text
        if values:
            origin = self.document.origins[path]
            self.document.origins[path] = Origin(origin.where, origin.base, text)
            self.document.secrets[path] = (value, *values)
        return value

    def _problem(self, path: Path, text: str, mark: yaml.Mark) -> None:
        self.document.origins[path] = Origin(self._where(mark), self._base)
        self.document.problems.append(Problem(path, text))
