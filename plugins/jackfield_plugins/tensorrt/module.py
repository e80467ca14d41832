"""TensorRT as one thing, whichever of its modules is installed.

`tensorrt` (10 and 11) and `tensorrt_rtx` have one API with small differences: flags that one has and the other has not,
and who compiles kernels when. All of them are met here, by looking at the module itself and not at its version.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections import deque
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog

from jackfield.errors import LoadError

log = structlog.get_logger("jackfield.tensorrt")

NAMES = ("tensorrt", "tensorrt_rtx")
"""Looked for in this order."""
NEEDS_NO_DEVICE = "tensorrt_rtx"
"""The one that builds plans without a device, and compiles kernels for the device when a plan is opened."""


@dataclass(frozen=True, slots=True)
class Module:
    """`api` is the imported module; `name` and `version` say which. `logger`: TensorRT knows one in each process, the
    first that it is given."""

    name: str
    version: str
    api: Any
    logger: Any

    @property
    def needs_no_device(self) -> bool:
        """Whether plans can be built without a device."""
        return self.name == NEEDS_NO_DEVICE

    @property
    def weak_types(self) -> bool:
        """Whether the builder may choose types other than the network's."""
        return hasattr(self.api.BuilderFlag, "BF16")

    @property
    def captures_graphs(self) -> bool:
        """Whether it captures CUDA graphs itself."""
        return hasattr(self.api, "CudaGraphStrategy")

    def network_flags(self, strongly_typed: bool) -> int:
        """For `Builder.create_network`. Batches are explicit in all versions from 10 on."""
        flags = self.api.NetworkDefinitionCreationFlag
        if not strongly_typed or not hasattr(flags, "STRONGLY_TYPED"):
            return 0  # where the flag is gone, networks are strongly typed whatever is asked
        return 1 << int(flags.STRONGLY_TYPED)

    def why(self) -> str:
        """The last error that TensorRT logged and nobody has asked for yet: its calls give None or False, and say why
        in the log only."""
        text: str = self.logger.taken()
        return text or "it does not say why"


def installed() -> str | None:
    """The name of the module that would be used; None if there is none. Imports nothing."""
    for name in NAMES:
        try:
            if importlib.util.find_spec(name) is not None:
                return name
        except (ImportError, ValueError):  # half an installation
            continue
    return None


@cache
def load_module() -> Module:
    """Import it, once. Raises LoadError with one sentence if there is none, or if it does not come up."""
    name = installed()
    if name is None:
        raise LoadError(
            "neither 'tensorrt' nor 'tensorrt_rtx' is installed: the extras 'tensorrt' and 'tensorrt-rtx' bring one"
        )
    try:
        api = importlib.import_module(name)
    except Exception as error:  # a library that it needs may be missing
        text = (str(error).splitlines() or [""])[0]
        raise LoadError(f"'{name}' cannot be imported: {type(error).__name__}: {text}") from error
    if not hasattr(api, "Builder"):
        raise LoadError(f"'{name}' has no Builder: it is a placeholder, or a runtime that cannot build plans")
    return Module(name, str(getattr(api, "__version__", "")), api, _logger(api))


def _logger(api: Any) -> Any:
    severity = api.ILogger.Severity
    errors = (severity.INTERNAL_ERROR, severity.ERROR)

    class Keeping(api.ILogger):  # type: ignore[misc]  # the module has no types
        def __init__(self) -> None:
            super().__init__()
            self._errors: deque[str] = deque(maxlen=1)

        def log(self, level: Any, message: str) -> None:
            """Called by TensorRT, from any thread. What fails because of an error says so itself."""
            if level in errors:
                self._errors.append(message)
            elif level == severity.WARNING:
                log.debug("tensorrt warns", text=message)

        def taken(self) -> str:
            """The last error, once."""
            return self._errors.pop() if self._errors else ""

    return Keeping()
