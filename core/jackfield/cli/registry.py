"""The registry that the commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jackfield.errors import PluginError

if TYPE_CHECKING:
    from jackfield.plugins.registry import Registry

OWN = ("serve", "check", "build", "plugins", "devices", "schema", "new-plugin", "key", "reload")
"""The commands that do not come from plugins."""


def registry_of(ctx: click.Context) -> Registry:
    """What the command was started with, or else everything that is installed, found once. Raises PluginError."""
    root = ctx.find_root()
    if root.obj is None:
        from jackfield.plugins.registry import Registry

        root.obj = Registry.installed()
    registry: Registry = root.obj
    for name in OWN:
        if name in registry.commands:
            owner = registry.command_owners[name]
            raise PluginError(f"{owner.described} brings the command '{name}', which is Jackfield's own: disable it")
    return registry
