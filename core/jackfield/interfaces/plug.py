"""What every class that fills a socket has in common: options, and whether it can be used here."""

from __future__ import annotations

import importlib.util
from typing import ClassVar

from jackfield.options import Options


class Plug:
    """Base of all plugin classes.

    `options`: the pydantic model of the plugin's own options. `requires`: modules that must be importable, checked
    without importing them. `extra`: the extra of the distribution that brings them, named in the error.
    """

    options: ClassVar[type[Options]] = Options
    requires: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""

    @classmethod
    def unavailable(cls) -> str | None:
        """Why this cannot be used on this machine, in one clause; None if it can.

        Called at start for listing and when the configuration asks for the plugin; must be cheap and not import
        heavy libraries. Override to probe for more than modules (a driver, a device).
        """
        missing = [name for name in cls.requires if not _importable(name)]
        if not missing:
            return None
        need = " and ".join(missing)
        return f"{need} is not installed" + (f"; install it with the extra '{cls.extra}'" if cls.extra else "")


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # a parent package is missing, or is half loaded
        return False
