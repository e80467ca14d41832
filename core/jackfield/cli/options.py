"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def with_overrides(command: F) -> F:
    """Add `--set`."""
    return click.option(
        "--set",
        "overrides",
        metavar="PATH=VALUE",
        multiple=True,
        help="Set one value of the configuration, such as models.minilm.batching.max_batch_size=16. "
        "The value is YAML. Repeatable; the last one counts.",
    )(command)
