"""Texts of others in our answers: what a client sent, and what the host says."""

from __future__ import annotations

import re

_PATH = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?(?:[/\\][\w.+-]+){2,}[/\\]?")


def shown(text: str, most: int = 80) -> str:
    """A client's text, fit to be repeated in an error or a log line: escaped, and of bounded length."""
    escaped = text[: most + 1].encode("unicode_escape", "replace").decode("ascii")
    return escaped if len(escaped) <= most else escaped[: most - 3] + "..."


def without_paths(text: str) -> str:
    """A reason why something failed on this host, on one line, for a client: it must not learn our folders."""
    return shown(" ".join(_PATH.sub("<path>", text).split()), 500)
