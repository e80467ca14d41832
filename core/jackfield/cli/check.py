"""`jackfield check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from jackfield.cli.options import with_overrides
from jackfield.cli.registry import registry_of
from jackfield.cli.table import print_table

if TYPE_CHECKING:
    from jackfield.config import ModelConfig, Section
    from jackfield.interfaces import Loader
    from jackfield.plugins.registry import Registry

_COLUMNS = (
    "model", "version", "source", "loader", "backend", "device", "replicas", "batching", "scheduler", "router",
    "placement",
)  # fmt: skip


@click.command(short_help="Say what a configuration would run, or what is wrong with it.")
@click.argument("config")
@with_overrides
@click.pass_context
def check(ctx: click.Context, config: str, overrides: tuple[str, ...]) -> None:
    """Check a configuration against the installed plugins, and say what it would run.

    Nothing is loaded. All problems are told at once, each with its line in the file, its path, what was given and what
    would be right; then the exit status is 2.

    \b
    Examples:
      jackfield check jackfield.yaml
      jackfield check jackfield.yaml --set models.minilm.batching.policy=none
    """
    from jackfield.config import load
    from jackfield.config.keys import read_keys

    registry = registry_of(ctx)
    checked = load(config, registry, overrides)
    print_table(_COLUMNS, [_row(name, model, registry) for name, model in checked.models.items()])
    click.echo()
    click.echo(f"endpoints: {', '.join(checked.endpoints) or 'none'}")
    click.echo(f"observers: {', '.join(checked.observers) or 'none'}")
    keys = read_keys(checked.server.keys)
    if keys is not None:
        click.echo(f"keys:      {', '.join(keys)}")
    click.echo(f"address:   {checked.server.host}:{checked.server.port}")


def _row(name: str, model: ModelConfig, registry: Registry) -> list[str]:
    return [
        name,
        model.version,
        model.source,
        model.loader.name if model.loader is not None else _detected(model.source, registry),
        _name(model.backend),
        model.device,
        str(model.replicas),
        *(_name(section) for section in (model.batching, model.scheduler, model.router, model.placement)),
    ]


def _name(section: Section | None) -> str:
    return section.name if section is not None else "auto"


def _detected(source: str, registry: Registry) -> str:
    loaders = [
        entry.name
        for entry in registry.socket("loader").values()
        if entry.unavailable is None and cast("type[Loader]", entry.cls).detects(source)
    ]
    return loaders[0] if len(loaders) == 1 else "auto"
