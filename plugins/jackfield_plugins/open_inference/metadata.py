"""What the server and its models are."""

from __future__ import annotations

from importlib.metadata import version as installed
from typing import Any

from jackfield import Server, TensorSpec
from jackfield_plugins.open_inference.paths import Target
from jackfield_plugins.open_inference.versions import require_signature

EXTENSIONS = (
    "binary_tensor_data",
    "classification",
    "generate",
    "model_configuration",
    "parameters",
    "schedule_policy",
    "statistics",
)
"""In the words of the servers that have them, and only those that are whole here: the repository has an index always,
but is among them only where models can be loaded."""


def server_metadata(server: Server, target: Target, *, repository: bool = False) -> tuple[int, Any]:
    """Name, version and extensions."""
    extensions = sorted([*EXTENSIONS, "model_repository"]) if repository else EXTENSIONS
    return 200, {"name": server.config.server.name, "version": installed("jackfield"), "extensions": extensions}


def model_metadata(server: Server, target: Target) -> tuple[int, Any]:
    """Name, versions, platform, inputs and outputs."""
    model = server.model(target.model)
    version = model.version(target.version)
    require_signature(version)
    return 200, {
        "name": model.name,
        "versions": list(model.versions),
        "platform": version.platform,
        "inputs": [_tensor(spec) for spec in version.signature.inputs],
        "outputs": [_tensor(spec) for spec in version.signature.outputs],
    }


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    shape = (-1,) if spec.shape is None else spec.shape
    return {"name": spec.name, "datatype": spec.datatype.value, "shape": shape}
