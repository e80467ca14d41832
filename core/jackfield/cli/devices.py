"""`jackfield devices`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from jackfield.cli.registry import registry_of
from jackfield.cli.table import print_table

if TYPE_CHECKING:
    from jackfield.interfaces import Backend
    from jackfield.plugins.registry import Entry
    from jackfield.types import Device


@click.command(short_help="List the devices that each backend can use.")
@click.pass_context
def devices(ctx: click.Context) -> None:
    """List the devices that each backend can use on this machine, best first, or why it cannot be used.

    The first is what a model gets whose device is auto. Asking imports the backends' libraries, which takes a while.

    \b
    Examples:
      jackfield devices
      jackfield serve model.onnx --set models.model.device=cuda:0
    """
    rows = [row for entry in registry_of(ctx).socket("backend").values() for row in _rows(entry)]
    print_table(("backend", "device", "memory free", "of", "description"), rows)


def _rows(entry: Entry) -> list[list[str]]:
    if entry.unavailable is not None:
        return [[entry.name, "none", "", "", f"not available: {entry.unavailable}"]]
    try:
        found = cast("type[Backend]", entry.cls).devices()
    except Exception as error:  # one broken backend must not hide the others
        from jackfield.plugins.guard import told

        return [[entry.name, "none", "", "", f"{entry.plugin.described}: devices() raised {told(error)}"]]
    rows = [[entry.name, one.name, _size(one.memory_free), _size(one.memory_total), _about(one)] for one in found]
    return rows or [[entry.name, "none", "", "", "no device found"]]


def _about(device: Device) -> str:
    return device.description or device.kind


def _size(count: int | None) -> str:
    return "" if count is None else f"{count / 2**30:.1f} GiB"
