"""From what pydantic checked, whose classes depend on the plugins, to `Config`, whose do not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from jackfield.config.document import Document, Path
from jackfield.config.models import Config, ModelConfig, ModelSettings, Section, ServerConfig, WarmUp
from jackfield.config.sources import resolved
from jackfield.config.updates import TensorFile, UpdateConfig
from jackfield.options import Options


def settled(checked: Any, document: Document) -> Config:
    """`checked` (an instance of the full model) as a `Config`, with all paths made absolute."""
    return Config(
        server=_server(checked.server, document),
        log=checked.log,
        models={name: _model(model, document, ("models", name)) for name, model in checked.models.items()},
        endpoints={name: _based(one, document, ("endpoints", name)) for name, one in checked.endpoints.items()},
        observers={name: _based(one, document, ("observers", name)) for name, one in checked.observers.items()},
    )


def _server(checked: ServerConfig, document: Document) -> ServerConfig:
    found = {
        name: _based(value, document, ("server", name))
        for name in ("keys", "tls")
        if isinstance(value := getattr(checked, name), Options)
    }
    return checked.model_copy(update=found) if found else checked


def _model(checked: Any, document: Document, path: Path) -> ModelConfig:
    values = {name: getattr(checked, name) for name in ModelSettings.model_fields}
    values["source"] = resolved(checked.source, document.origin((*path, "source")).base)
    values["labels"] = {
        name: _file(labels, document, (*path, "labels", name)) if isinstance(labels, str) else labels
        for name, labels in checked.labels.items()
    }
    if isinstance(checked.warm_up, WarmUp):
        values["warm_up"] = _warm_up(checked.warm_up, document, (*path, "warm_up"))
    values["update"] = _update(checked.update, document, (*path, "update", "golden"))
    scheduler, values["queue"] = checked.scheduler
    values["scheduler"] = _section(scheduler, document, (*path, "scheduler"))
    for name in ("loader", "backend", "batching", "router", "placement"):
        section = getattr(checked, name)
        values[name] = section and _section(section, document, (*path, name))
    return ModelConfig(**values)


def _warm_up(warm_up: WarmUp, document: Document, path: Path) -> WarmUp:
    inputs = {}
    for name, one in warm_up.inputs.items():
        place = (*path, "inputs", name, "file")
        inputs[name] = one if one.file is None else one.model_copy(update={"file": _file(one.file, document, place)})
    return warm_up.model_copy(update={"inputs": inputs})


def _update(update: UpdateConfig, document: Document, path: Path) -> UpdateConfig:
    def based(tensors: Mapping[str, Any], place: Path) -> dict[str, Any]:
        return {
            name: TensorFile(file=_file(one.file, document, (*place, name, "file")))
            if isinstance(one, TensorFile)
            else one
            for name, one in tensors.items()
        }

    golden = tuple(
        one.model_copy(
            update={what: based(getattr(one, what), (*path, number, what)) for what in ("inputs", "outputs")}
        )
        for number, one in enumerate(update.golden)
    )
    return update.model_copy(update={"golden": golden}) if golden else update


def _section(section: Section, document: Document, path: Path) -> Section:
    return Section(name=section.name, options=_based(section.options, document, path))


def _based(options: Options, document: Document, path: Path) -> Options:
    """Options of type Path are relative to the configuration file, as everything else in it."""
    paths = {
        name: document.origin((*path, field.alias or name)).base / value.expanduser()
        for name, field in type(options).model_fields.items()
        if isinstance(value := getattr(options, name), FilePath)
    }
    return options.model_copy(update=paths) if paths else options


def _file(file: str, document: Document, path: Path) -> str:
    return str(document.origin(path).base / FilePath(file).expanduser())
