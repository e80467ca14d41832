"""`jackfield build`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from jackfield.cli.options import with_overrides
from jackfield.cli.registry import registry_of

if TYPE_CHECKING:
    from jackfield.config import ModelConfig
    from jackfield.plugins.registry import Registry

_SHOWN_EVERY = 1.0  # seconds between lines about the progress of one model


@click.command(short_help="Build ahead what backends would build when a model is loaded.")
@click.argument("config")
@with_overrides
@click.pass_context
def build(ctx: click.Context, config: str, overrides: tuple[str, ...]) -> None:
    """Build ahead what backends would build when a model is loaded, and keep it where they find it.

    Some backends build plans or compile, which takes seconds to minutes. With `tensorrt-rtx` that is possible on a
    machine without a device. Nothing is served. The exit status is 1 if a model cannot be built.

    \b
    Examples:
      jackfield build jackfield.yaml
      jackfield build jackfield.yaml --set models.minilm.backend.precision=fp16
    """
    from jackfield.config import load
    from jackfield.errors import JackfieldError
    from jackfield.logs import quieten

    quieten()
    registry = registry_of(ctx).judged("backend", lambda cls: cls.unbuildable())
    models = load(config, registry, overrides).models
    failed = False
    for name, model in models.items():
        began = time.monotonic()
        try:
            done = _built(name, model, registry)
        except JackfieldError as error:
            failed = True
            click.echo(f"{name}: {error}", err=True)
            continue
        click.echo(f"{name}: {done} ({time.monotonic() - began:.1f} s)" if done else f"{name}: nothing to build")
    if failed:
        ctx.exit(1)


def _built(name: str, model: ModelConfig, registry: Registry) -> str:
    from jackfield.lifecycle.opening import Opener

    shown = time.monotonic()

    def told(doing: str, done: int, total: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown >= _SHOWN_EVERY:
            shown = now
            click.echo(f"{name}: {doing}, {done} of {total}")

    return Opener(name, model, registry).build(told)
