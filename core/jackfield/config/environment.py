"""`${NAME}` and `${NAME:-default}` in the text of a configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(
    r"\$(?:(?P<dollar>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<bad>\{))"
)


class BadReference(Exception):
    """A reference that cannot be resolved; the text says why and never holds a variable's value."""


def substitute(text: str, environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """`text` with the variables put in, and the values of these. `$$` is a dollar sign; a dollar sign before
    anything but `$` and `{` stands for itself. A default counts where the variable is not set, or empty."""
    values: list[str] = []

    def put_in(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        if match["bad"]:
            raise BadReference(
                "'${' begins no environment variable here: write ${NAME} or ${NAME:-default}, or $$ for a dollar sign"
            )
        value = environ.get(match["name"])
        if match["default"] is not None:
            value = value or match["default"]
        if value is None:
            raise BadReference(
                f"environment variable '{match['name']}' is not set; set it, or write ${{{match['name']}:-default}}"
            )
        values.append(value)
        return value

    return _REFERENCE.sub(put_in, text), values
