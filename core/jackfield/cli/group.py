"""The command `jackfield` itself: which commands there are, and what becomes of errors."""

from __future__ import annotations

import importlib
from typing import Any

import click

from jackfield import __version__
from jackfield.cli.registry import OWN, registry_of
from jackfield.errors import JackfieldError, PluginError


class Commands(click.Group):
    """Jackfield's own commands, and those that plugins bring. Neither are imported before they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        try:
            return [*OWN, *sorted(registry_of(ctx).commands)]
        except PluginError:
            return list(OWN)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in OWN:
            module = cmd_name.replace("-", "_")
            command: click.Command = getattr(importlib.import_module(f"jackfield.cli.{module}"), module)
            return command
        return registry_of(ctx).commands.get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None:
            from jackfield.config.suggest import nearest

            hint = nearest(args[0], self.list_commands(ctx)) or "; see jackfield --help"
            ctx.fail(f"there is no command '{args[0]}'{hint}")
        return super().resolve_command(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        try:
            registry_of(ctx)
        except PluginError as error:
            formatter.write_paragraph()
            formatter.write_text(f"Commands of plugins are not listed: {error}")

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except JackfieldError as error:
            click.echo(f"jackfield: {error}", err=True)
            ctx.exit(2)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every command explains itself: jackfield serve --help",
)
@click.version_option(__version__, prog_name="jackfield", message="%(prog)s %(version)s")
def cli() -> None:
    """An inference server in which every decision is a plugin, chosen by name in the configuration.

    \b
    Examples:
      jackfield serve model.onnx              serve one model with all defaults
      jackfield serve jackfield.yaml          serve what a configuration says
      jackfield check jackfield.yaml          say what would run, or what is wrong
    """
