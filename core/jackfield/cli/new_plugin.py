"""`jackfield new-plugin`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jackfield.cli.registry import registry_of

if TYPE_CHECKING:
    from jackfield.plugins.registry import Registry

SOCKETS = {
    "batching": "the batching policy",
    "scheduler": "the scheduler",
    "router": "the router",
    "observer": "the observer",
    "backend": "the backend",
    "loader": "the loader",
    "endpoint": "the endpoint",
}
"""Those that a plugin can be written for, and how the text names what fills them."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 30  # so that lines that hold the name are not too long


@click.command("new-plugin", short_help="Write a plugin to start from, with tests that pass.")
@click.argument("name")
@click.option("--socket", type=click.Choice(list(SOCKETS)), required=True, help="What the plugin is to fill.")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder in which to write the plugin's own. [default: the current one]",
)
@click.pass_context
def new_plugin(ctx: click.Context, name: str, socket: str, into: Path) -> None:
    """Write a distribution, jackfield-NAME, with one plugin that fills a socket: NAME in the configuration.

    It works as it is, and passes its own tests, most of which are those of the socket's contract in jackfield.testing.
    Nothing is overwritten.

    \b
    Examples:
      jackfield new-plugin steady --socket batching
      jackfield new-plugin audit --socket observer --into plugins
    """
    name = name.removeprefix("jackfield-")
    _check(name, socket, registry_of(ctx))
    folder = into / f"jackfield-{name}"
    if folder.exists():
        raise click.UsageError(f"'{folder}' exists already: choose another name, or another folder with --into")
    from jackfield.cli.templates import distribution

    for path, text in distribution(name, socket, SOCKETS[socket]).items():
        target = folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        except OSError as error:
            raise click.ClickException(f"cannot write '{target}': {error.strerror}") from error
        click.echo(f"wrote {target}")
    click.echo(f"\nNext: cd {folder} && pip install -e '.[test]' && pytest")


def _check(name: str, socket: str, registry: Registry) -> None:
    if _NAME.fullmatch(name) is None:
        raise click.BadParameter(
            f"'{name}' must be lower-case letters and digits, in words joined by '-', such as 'steady' or 'slow-log'",
            param_hint="NAME",
        )
    if len(name) > _LONGEST:
        raise click.BadParameter(f"'{name}' has {len(name)} characters, at most {_LONGEST} fit", param_hint="NAME")
    taken = registry.socket(socket).get(name)
    if taken is not None:
        raise click.BadParameter(
            f"there is {socket} '{name}' already, of distribution '{taken.plugin.distribution}'", param_hint="NAME"
        )
    for plugin in registry.plugins:
        if plugin.name == name:
            raise click.BadParameter(
                f"there is a plugin '{name}' already, of distribution '{plugin.distribution}'", param_hint="NAME"
            )
