"""Names of classes, from the configuration or a file that it names."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from weakref import WeakKeyDictionary

import structlog

from jackfield import Version
from jackfield.errors import ExecutionFailed

log = structlog.get_logger("jackfield.open_inference")


class Labels:
    """Reads a version's label files when they are first needed, off the event loop, and keeps them as long as it."""

    def __init__(self) -> None:
        self._read: WeakKeyDictionary[Version, dict[str, Sequence[str]]] = WeakKeyDictionary()

    async def of(self, version: Version, outputs: Iterable[str]) -> Mapping[str, Sequence[str]]:
        """The labels of `outputs`, empty where there are none; raises ExecutionFailed if a file cannot be read."""
        known = self._read.setdefault(version, {})
        for name in outputs:
            if name not in known:
                known[name] = await self._labels(version, name)
        return known

    async def _labels(self, version: Version, output: str) -> Sequence[str]:
        given = version.config.labels.get(output, ())
        if not isinstance(given, str):
            return given
        try:
            return await asyncio.to_thread(_lines, Path(given))
        except (OSError, ValueError) as error:
            log.error("labels cannot be read", model=version.model, output=output, reason=str(error))
            raise ExecutionFailed(f"the labels of output '{output}' cannot be read") from None


def _lines(path: Path) -> Sequence[str]:
    return path.read_text("utf-8").splitlines()
