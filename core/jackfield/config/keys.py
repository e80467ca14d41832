"""The entries of keys: from a file or an environment variable to what was checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path as FilePath

import yaml
from pydantic import TypeAdapter, ValidationError

from jackfield.config.document import Document, Origin, Path, Problem
from jackfield.config.messages import problems
from jackfield.config.models import KeysConfig
from jackfield.config.reading import parse, read_file
from jackfield.config.values import Label
from jackfield.errors import ConfigError
from jackfield.keys.entries import KeyConfig, QuotaConfig

Entries = Mapping[str, KeyConfig]
_ENTRIES = TypeAdapter(dict[Label, KeyConfig])
_HIDDEN = "***"


def read_keys(config: KeysConfig | None, environ: Mapping[str, str] | None = None) -> Entries | None:
    """The entries by name; None if there are to be no keys. Blocks. Raises ConfigError with a line for each problem,
    none of which shows what may be a key by mistake."""
    if config is None:
        return None
    document = _document(config, os.environ if environ is None else environ)
    _hide(document)
    found = list(document.problems)
    entries: dict[str, KeyConfig] = {}
    try:
        entries = _ENTRIES.validate_python(document.data)
    except ValidationError as error:
        found += problems(error.errors(include_url=False), document, _keys)
    found += [] if found else _clashes(entries)
    if found:
        raise ConfigError("\n".join(document.lines(found)))
    if not entries:
        raise ConfigError(f"{document.origins[()].where}: there is no key: make one with 'jackfield key new NAME'")
    return entries


def _document(config: KeysConfig, environ: Mapping[str, str]) -> Document:
    if config.file is not None:
        try:
            return read_file(config.file, environ)
        except ConfigError as error:
            raise ConfigError(f"server.keys.file: {error}") from None
    assert config.env is not None
    text = environ.get(config.env)
    if text is None:
        raise ConfigError(f"server.keys.env: environment variable '{config.env}' is not set")

    def where(mark: yaml.Mark | None) -> str:
        return f"${config.env}" if mark is None else f"${config.env}:{mark.line + 1}"

    document = parse(text, where, FilePath.cwd(), environ)
    document.data = {} if document.data is None else document.data
    if not isinstance(document.data, dict):
        raise ConfigError(f"{where(None)}: expected entries of keys by name")
    return document


def _hide(document: Document) -> None:
    """Whatever stands where a key may have been written by mistake is not shown in errors."""
    shown = KeyConfig.model_fields.keys() - {"hash"}
    for path, origin in document.origins.items():
        if len(path) < 2 or path[1] not in shown:
            document.origins[path] = Origin(origin.where, origin.base, _HIDDEN)
            document.secrets[path] = ()


def _keys(path: Path) -> list[str]:
    match len(path):
        case 1:
            return list(KeyConfig.model_fields)
        case 2 if path[1] == "quota":
            return list(QuotaConfig.model_fields)
    return []


def _clashes(entries: Entries) -> list[Problem]:
    found: list[Problem] = []
    hashes: dict[str, str] = {}
    weights: dict[str, tuple[str, float | None]] = {}
    for name, entry in entries.items():
        if entry.hash in hashes:
            found.append(Problem((name, "hash"), f"is that of '{hashes[entry.hash]}', too"))
        hashes.setdefault(entry.hash, name)
        tenant = entry.tenant or name
        first, weight = weights.setdefault(tenant, (name, entry.weight))
        if weight != entry.weight:
            given = _weight(entry.weight)
            found.append(
                Problem((name,), f"gives tenant '{tenant}' {given}, where '{first}' gives it {_weight(weight)}")
            )
    return found


def _weight(weight: float | None) -> str:
    return "no weight" if weight is None else f"weight {weight:g}"
