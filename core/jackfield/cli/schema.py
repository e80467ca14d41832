"""`jackfield schema`."""

from __future__ import annotations

import json

import click

from jackfield.cli.registry import registry_of


@click.command(short_help="Print the JSON Schema of the configuration.")
@click.pass_context
def schema(ctx: click.Context) -> None:
    """Print the JSON Schema of the whole configuration, with the options of all installed plugins.

    With it an editor completes and checks a configuration as it is typed. For those that have the YAML language server,
    write the schema next to the configuration and name it in the first line of that:

    \b
      jackfield schema > jackfield.schema.json
      # yaml-language-server: $schema=./jackfield.schema.json
    """
    from jackfield.config.schema import schema as whole

    click.echo(json.dumps(whole(registry_of(ctx)), indent=2))
