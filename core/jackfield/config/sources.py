"""What a model's source is relative to, and what a model is called that has no name of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from jackfield.config.values import LONGEST_LABEL

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+-]+:")
_OBJECT = re.compile(r"[A-Za-z_][\w.]*")
_SUFFIX = re.compile(r"\.[A-Za-z]\w*")
_REPOSITORY = re.compile(r"[A-Za-z][A-Za-z0-9+-]+:[^/]+/[^/]+")
_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


def resolved(source: str, base: Path) -> str:
    """`source` with its path, if it is one, made absolute from `base`.

    `folder/model.onnx` is a path and `file.py:Class` begins with one; `package.module:Class` and `scheme:anything` are
    not paths and stay as they are. What exists below `base` is a path whatever it looks like.
    """
    if os.path.exists(base / source):  # False, not an error, for what cannot be a path at all
        return _absolute(source, base)
    if _SCHEME.match(source):
        return source
    head, _, tail = source.rpartition(":")
    if head and _OBJECT.fullmatch(tail):
        return source if _MODULE.fullmatch(head) and not head.endswith(".py") else f"{_absolute(head, base)}:{tail}"
    return _absolute(source, base)


def names(sources: Iterable[str]) -> dict[str, str]:
    """Names for sources, each to its source: `dir/minilm.onnx` is `minilm`, `model.py:MyModel` is `mymodel`.

    Signs that a name cannot have become `-`; a name that is taken already gets `-2`, `-3` and so on.
    """
    result: dict[str, str] = {}
    for source in sources:
        first = name = _name(source)
        number = 1
        while name in result:
            number += 1
            name = f"{first}-{number}"
        result[name] = source
    return result


def _name(source: str) -> str:
    head, _, tail = source.rpartition(":")
    if head and _OBJECT.fullmatch(tail):
        text = tail.rpartition(".")[2].lower()
    else:
        path = Path(source.rstrip("/"))
        # A folder's name has no suffix, nor a repository's: `v1.5` is not `v1`, nor `hf:owner/tiny.en` `tiny`.
        whole = os.path.isdir(path) or _REPOSITORY.fullmatch(source) or not _SUFFIX.fullmatch(path.suffix)
        text = path.name if whole else path.stem
        text = path.resolve().name if text in ("", "..") else text
    text = re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9._-]+", "-", text)).strip(".-")
    return text[: LONGEST_LABEL - 8] or "model"


def _absolute(path: str, base: Path) -> str:
    # Links are not followed: what they point to may have a name that no loader knows.
    return os.path.abspath(base / Path(path).expanduser())
