"""`jackfield serve`."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from jackfield.cli.options import with_overrides
from jackfield.cli.registry import registry_of

if TYPE_CHECKING:
    from jackfield.config import Config


@click.command(short_help="Serve a configuration, or models with all defaults.")
@click.argument("what", nargs=-1, required=True, metavar="CONFIG.yaml | MODEL...")
@click.option("--host", help="Address to listen on. [default: 127.0.0.1, this machine only]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 chooses one. [default: 8000]")
@with_overrides
@click.option("--log-format", type=click.Choice(["auto", "json", "console"]), help="How to log. [default: auto]")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error", "critical"]),
    help="The least important events to log. [default: info]",
)
@click.pass_context
def serve(
    ctx: click.Context,
    what: tuple[str, ...],
    host: str | None,
    port: int | None,
    overrides: tuple[str, ...],
    log_format: str | None,
    log_level: str | None,
) -> None:
    """Serve what a configuration file says, or models with all defaults.

    One argument that ends in .yaml or .yml is a configuration. Any others are sources of models: files, folders,
    file.py:Class or package.module:Class. A model is named after its file or class (minilm.onnx is minilm,
    model.py:MyModel is mymodel); names that are taken get -2, -3 and so on.

    The server runs until it gets SIGINT or SIGTERM, then answers what it has accepted, and ends; at the second of them
    it ends at once. At SIGHUP it reads the configuration file again and goes on with its models: new ones are loaded,
    those that are gone are unloaded, and of those that differ another version is loaded beside the one that serves
    until it takes over. Whatever else differs is logged as needing a restart; a faulty file changes nothing. The exit
    status is 2 if the configuration is wrong or a model cannot be loaded.

    \b
    Examples:
      jackfield serve jackfield.yaml
      jackfield serve minilm.onnx --port 9000
      jackfield serve classify.py:Classifier minilm.onnx --set models.minilm.replicas=2
    """
    from jackfield.cli.run import run
    from jackfield.config import load

    began = time.perf_counter()
    files = [one for one in what if one.lower().endswith((".yaml", ".yml"))]
    if files and len(what) > 1:
        other = next(one for one in what if one != files[0]) if len(files) == 1 else files[1]
        raise click.UsageError(f"give one configuration or any models, not '{files[0]}' together with '{other}'")
    given = {"server.host": host, "server.port": port, "log.format": log_format, "log.level": log_level}
    # As YAML, where a dollar sign would begin the name of a variable.
    options = [f"{path}={json.dumps(value).replace('$', '$$')}" for path, value in given.items() if value is not None]
    registry = registry_of(ctx)

    def read() -> Config:
        return load(files[0] if files else list(what), registry, [*overrides, *options])

    found = time.perf_counter()
    config = read()
    took = {"plugins_s": round(found - began, 3), "config_s": round(time.perf_counter() - found, 3)}
    run(config, registry, took, read if files else None)
