"""`jackfield plugins`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from jackfield.cli.registry import registry_of
from jackfield.cli.table import print_table

if TYPE_CHECKING:
    from jackfield.plugins.registry import Entry, Registry


@click.command(short_help="List the installed plugins, and what each fills.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.pass_context
def plugins(ctx: click.Context, as_json: bool) -> None:
    """List the installed plugins: where each comes from, what it fills, and whether that can be used here.

    Installed is not activated: what runs is what the configuration names. The environment variables JACKFIELD_PLUGINS
    (only these) and JACKFIELD_DISABLE_PLUGINS (not these) restrict which are loaded: names, separated by commas.

    \b
    Examples:
      jackfield plugins
      jackfield plugins --json
      JACKFIELD_DISABLE_PLUGINS=torch jackfield plugins
    """
    registry = registry_of(ctx)
    if as_json:
        click.echo(json.dumps(_data(registry), indent=2))
        return
    rows = []
    for plugin in registry.plugins:
        about = [plugin.name, plugin.distribution, plugin.version, plugin.api]
        rows += [
            [*about, f"{entry.socket}: {entry.name}", entry.unavailable or "yes"]
            for entry in _of(plugin.name, registry)
        ]
        if not _of(plugin.name, registry):
            rows.append([*about, "no socket", ""])
    print_table(("plugin", "distribution", "version", "API", "fills", "available"), rows)
    click.echo()
    click.echo(f"commands of plugins: {', '.join(registry.commands) or 'none'}")


def _of(plugin: str, registry: Registry) -> list[Entry]:
    return [entry for entry in registry if entry.plugin.name == plugin]


def _data(registry: Registry) -> dict[str, object]:
    return {
        "plugins": [
            {
                "name": plugin.name,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "api": plugin.api,
                "fills": [
                    {
                        "socket": entry.socket,
                        "name": entry.name,
                        "available": entry.unavailable is None,
                        "reason": entry.unavailable,
                    }
                    for entry in _of(plugin.name, registry)
                ],
            }
            for plugin in registry.plugins
        ],
        "commands": list(registry.commands),
    }
