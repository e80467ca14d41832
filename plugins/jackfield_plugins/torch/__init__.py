"""PyTorch models: loader `torch` (`.pt2`, TorchScript where it is allowed), backend `torch`.

`archive` tells what a file is without opening it as a model, `inspection` makes sure that a `.pt2` holds no code,
`program` reads an exported program's signature, `declared` a signature from the configuration; `loader` puts these
together. `backend` brings a model to a device, `executor` runs it.
"""

from __future__ import annotations

from collections.abc import Mapping

from jackfield import Backend, Loader, hookimpl
from jackfield_plugins.torch.backend import TorchBackend
from jackfield_plugins.torch.loader import TorchLoader

jackfield_api = "1.0"


@hookimpl
def jackfield_loaders() -> Mapping[str, type[Loader]]:
    """The loader of `.pt2` and TorchScript files."""
    return {"torch": TorchLoader}


@hookimpl
def jackfield_backends() -> Mapping[str, type[Backend]]:
    """PyTorch itself."""
    return {"torch": TorchBackend}
