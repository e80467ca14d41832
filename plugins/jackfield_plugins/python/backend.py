"""Backend `python`: makes an instance of the class."""

from __future__ import annotations

import platform
from collections.abc import Sequence

from jackfield import Artifact, Backend, Capabilities, Device, Executor
from jackfield.errors import LoadError
from jackfield_plugins.python.executor import PythonExecutor
from jackfield_plugins.python.loader import PythonModel
from jackfield_plugins.python.source import told


class PythonBackend(Backend):
    """Runs artifacts of kind `python`. The class itself chooses where it computes; to the server that is the CPU."""

    accepts = frozenset({"python"})

    @classmethod
    def devices(cls) -> Sequence[Device]:
        """The processor."""
        return [Device("cpu", "cpu", f"{platform.machine()}, Python {platform.python_version()}")]

    def open(self, artifact: Artifact, device: Device) -> Executor:
        """Make an instance and call its `load`; raises LoadError if either raises."""
        model: PythonModel = artifact.content
        try:
            instance = model.cls(**model.init)
        except Exception as error:
            raise LoadError(f"making '{artifact.source}' raised {told(error)}") from error
        if artifact.signature is None:
            raise LoadError(f"'{artifact.source}' comes without a signature")
        mixed = any(bound.rows for bound in model.inputs)
        capabilities = Capabilities(max_rows=None if model.batch else 1, mixed_shapes=mixed)
        executor = PythonExecutor(instance, model, artifact.signature, capabilities)
        try:
            executor.load()
        except Exception as error:
            executor.discard()
            raise LoadError(f"load of '{artifact.source}' raised {told(error)}") from error
        return executor
