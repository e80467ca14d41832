"""From whatever describes it to a checked configuration."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from jackfield.config.document import Document, Origin, Path
from jackfield.config.full import full_model
from jackfield.config.messages import problems
from jackfield.config.models import Config, ModelConfig
from jackfield.config.overrides import override
from jackfield.config.plain import simple
from jackfield.config.reading import read_file
from jackfield.config.schema import Json, keys_at, schema
from jackfield.config.settled import settled
from jackfield.config.sources import names
from jackfield.errors import ConfigError, PluginError
from jackfield.plugins.registry import Registry

Source = str | os.PathLike[str] | Mapping[str, Any] | Config | Sequence[str | os.PathLike[str]]
"""A YAML file's path; sections as Python objects; a configuration; or a list of models' sources (never a string)."""


def load(
    source: Source, registry: Registry, overrides: Iterable[str] = (), environ: Mapping[str, str] | None = None
) -> Config:
    """Read `source`, put `overrides` (`path=value`) on top, and check everything against the plugins of `registry`.

    Environment variables (`environ`, by default the process's) are put in where text comes from YAML. Paths are
    relative to the file, or to the working directory where they do not come from one. Raises ConfigError with one line
    for each problem, all of them at once.
    """
    env = os.environ if environ is None else environ
    document = _read(source, env)
    override(document, overrides, env)
    return _checked(document, registry)


def load_model(data: Mapping[str, Any], registry: Registry) -> ModelConfig:
    """One model's section out of `plain(model)`, in whichever process has the same plugins. Raises ConfigError."""
    return load({"models": {"model": data}}, registry).models["model"]


def _read(source: Source, environ: Mapping[str, str]) -> Document:
    if isinstance(source, str | os.PathLike):
        return read_file(FilePath(source), environ)
    data = simple(source) if isinstance(source, Mapping | Config) else _models(source)
    return Document(data, {(): Origin("", FilePath.cwd())})


def _models(sources: Sequence[str | os.PathLike[str]]) -> dict[str, Any]:
    return {
        "models": {name: {"source": source} for name, source in names(os.fspath(source) for source in sources).items()}
    }


def _checked(document: Document, registry: Registry) -> Config:
    found = list(document.problems)
    try:
        config = full_model(registry).model_validate(document.data)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        wrong = {problem.path for problem in found}
        found += [one for one in problems(errors, document, _Keys(registry, document)) if one.path not in wrong]
    if found:
        raise ConfigError("\n".join(document.lines(found)))
    return settled(config, document)


class _Keys:
    """The keys that each section may have; the schema is built when the first error asks."""

    def __init__(self, registry: Registry, document: Document) -> None:
        self._registry, self._document = registry, document
        self._schema: Json | None = None

    def __call__(self, path: Path) -> list[str]:
        if self._schema is None:
            try:
                self._schema = schema(self._registry)
            except PluginError:  # an error about the configuration is worth more than the hint that this would give
                self._schema = {}
        return keys_at(self._schema, self._document.data, path)
