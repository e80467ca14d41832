"""What pydantic found wrong, in the words of the configuration."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails

from jackfield.config.document import Document, Path, Problem, shortened
from jackfield.config.sections import HIDDEN
from jackfield.config.suggest import nearest, noun, suggestion

_EXPECTED = {
    "int_type": "an integer",
    "int_parsing": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "string_sub_type": "text",
    "string_pattern_mismatch": "text that matches {pattern}",
    "bytes_type": "text",
    "none_required": "null",
    "dict_type": "a section",
    "mapping_type": "a section",
    "model_type": "a section",
    "model_attributes_type": "a section",
    "dataclass_type": "a section",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "iterable_type": "a list",
    "path_type": "a path",
    "path_not_file": "an existing file",
    "path_not_directory": "an existing folder",
    "path_exists": "a path where nothing is yet",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
}
_WRONG_KIND = re.compile(r".*_(?:type|parsing|required)|int_from_float|literal_error|enum|string_sub_type|too_short")
_PYTHON_WORDS = {"None": "null", "True": "true", "False": "false"}
_BY_NAME = {"endpoints": "endpoint", "observers": "observer"}

Keys = Callable[[Path], Iterable[str]]
"""Which keys the section at a path may have."""


@dataclass(slots=True)
class _Finding:
    """`expected` where the sentence is `got X, expected Y`, so that several at one place (a union's) can be joined."""

    path: Path
    kind: str
    text: str
    expected: str = ""


def problems(errors: Iterable[ErrorDetails], document: Document, keys: Keys) -> list[Problem]:
    """All of `errors` as problems: one a place, none about a variant that was not meant."""
    found: dict[tuple[Path, str], list[_Finding]] = {}
    for error in errors:
        finding = _finding(error, document, keys)
        # What is refused by one variant of a union for its kind, and by another for what is in it, is the latter.
        found.setdefault((finding.path, "" if finding.expected else finding.text), []).append(finding)
    paths = {path for path, _ in found}
    result = []
    for (path, _), findings in found.items():
        inside = any(len(other) > len(path) and other[: len(path)] == path for other in paths)
        if inside and all(_WRONG_KIND.fullmatch(finding.kind) for finding in findings):
            continue
        result.append(Problem(path, _joined(findings, document)))
    return result


def _joined(findings: list[_Finding], document: Document) -> str:
    if not findings[0].expected:
        return findings[0].text
    path = findings[0].path
    # Each is a list already: "'auto' or false" and "an integer" make "'auto', false or an integer".
    items = [item for finding in findings for item in re.split(r", (?=')| or ", finding.expected)]
    *most, last = dict.fromkeys(items)
    expected = f"{', '.join(most)} or {last}" if most else last
    value = document.value(path)
    choices = re.findall(r"'([^']*)'", expected)
    hint = nearest(value, choices) if isinstance(value, str) and path not in document.secrets else ""
    return f"got {document.given(path)}, expected {expected}{hint}"


def _finding(error: ErrorDetails, document: Document, keys: Keys) -> _Finding:
    kind, context = error["type"], error.get("ctx", {})
    path = _path(error["loc"], document, keys)
    if kind == "extra_forbidden":
        return _Finding(path, kind, _unknown(path, keys))
    if kind == "missing":
        return _Finding(path, kind, "is missing")
    if path and path[-1] == "[key]":
        # Pydantic reports what is wrong with a key below it.
        path = path[:-1]
        return _Finding(path, kind, _plain(context.get("text", error["msg"])).replace("{given}", f"'{path[-1]}'"))
    if kind == "jackfield":
        if context["key"] and isinstance(document.value(path), Mapping):
            path = (*path, context["key"])
        return _Finding(path, kind, context["text"].replace("{given}", document.given(path)))
    if kind in ("literal_error", "enum"):
        choices = re.sub(r"\b(?:None|True|False)\b", lambda m: _PYTHON_WORDS[m[0]], str(context["expected"]))
        return _Finding(path, kind, "", choices)
    if kind == "string_too_short" and context["min_length"] == 1:
        return _Finding(path, kind, "", "text that is not empty")
    if kind in _EXPECTED:
        limits = {key: f"{limit:g}" if isinstance(limit, float) else limit for key, limit in context.items()}
        return _Finding(path, kind, "", _EXPECTED[kind].format_map(limits))
    if kind in ("too_short", "too_long"):
        limit = f"at least {context['min_length']}" if kind == "too_short" else f"at most {context['max_length']}"
        return _Finding(path, kind, f"got {context['actual_length']} entries, expected {limit}")
    return _other(path, kind, error["msg"], document)


def _other(path: Path, kind: str, message: str, document: Document) -> _Finding:
    """An error of a kind that has no words of its own here: pydantic's sentence, or that of a plugin's own check."""
    if path in document.secrets:
        # The sentence may hold any part of the value, so nothing of it is shown.
        return _Finding(path, kind, f"got {document.given(path)}, which is refused (the reason might show the value)")
    text = _plain(message)
    for place, secrets in document.secrets.items():
        if place[: len(path)] == path:
            for secret in filter(None, secrets):
                text = re.sub(re.escape(secret), document.given(place).replace("\\", r"\\"), text, flags=re.IGNORECASE)
    expected = re.match(r"(?:Input|Value|String|List|Dictionary|URL) should (?:be|have) (.*)", text)
    if expected:
        return _Finding(path, kind, "", expected[1])
    value = document.value(path)
    given = "" if value is None or isinstance(value, Mapping | list) else f"got {document.given(path)}: "
    return _Finding(path, kind, given + text)


def _plain(message: Any) -> str:
    """A sentence without what pydantic puts before that of a check."""
    text = re.sub(r"^(?:Value error|Assertion failed), ", "", str(message))
    return " ".join(text.split())


def _unknown(path: Path, keys: Keys) -> str:
    known, name = list(keys(path[:-1])), str(path[-1])
    if len(path) == 2 and path[0] in _BY_NAME:
        return f"'{shortened(name)}' is not {noun(_BY_NAME[str(path[0])])}{suggestion(name, known)}"
    near = nearest(name, known)
    return f"unknown key{near}" if near else f"unknown key{'; known: ' + ', '.join(known) if known else ''}"


def _path(loc: tuple[str | int, ...], document: Document, keys: Keys) -> Path:
    """Where the error is in the configuration: without what pydantic calls the variants of a union.

    A part is a variant if it neither stands there nor could. Below what was left out, everything is as pydantic says.
    """
    path: Path = ()
    for part in loc:
        if isinstance(part, str) and part.startswith(HIDDEN):
            continue
        if document.has((*path, part)) or not document.has(path) or part == "[key]" or str(part) in keys(path):
            path = (*path, part)
    return path
