"""The command `jackfield demo`: a real model, a real server, real requests, and their answers."""

from __future__ import annotations

from collections.abc import Mapping

import click

from jackfield import hookimpl
from jackfield_plugins.demo.command import demo

jackfield_api = "1.0"


@hookimpl
def jackfield_commands() -> Mapping[str, click.Command]:
    """The commands of this plugin."""
    return {"demo": demo}
