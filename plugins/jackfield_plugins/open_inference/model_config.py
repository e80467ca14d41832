"""A version's configuration, in the words of the servers that clients know."""

from __future__ import annotations

from typing import Any

from jackfield import Datatype, Server, TensorSpec, Version
from jackfield_plugins.open_inference.paths import Target
from jackfield_plugins.open_inference.versions import require_signature


def model_config(server: Server, target: Target) -> tuple[int, Any]:
    """Shapes are without the batch axis where the model has one (`max_batch_size` above 0)."""
    version = server.model(target.model).version(target.version)
    require_signature(version)
    signature = version.signature
    most = version.max_rows if signature.batched else 0
    config: dict[str, Any] = {
        "name": version.model,
        "platform": version.platform,
        "backend": version.config.backend.name if version.config.backend else version.platform.partition("_")[0],
        "max_batch_size": most,
        "input": [
            {**_tensor(spec, most > 0), **({"optional": True} if spec.optional else {})} for spec in signature.inputs
        ],
        "output": [_tensor(spec, most > 0) for spec in signature.outputs],
        "instance_group": [{"count": version.config.replicas, "kind": _kind(version.config.device)}],
    }
    if most > 1:
        config["dynamic_batching"] = _batching(version)
    return 200, config


def _tensor(spec: TensorSpec, batched: bool) -> dict[str, Any]:
    shape = (-1,) if spec.shape is None else spec.shape
    if batched and spec.shape is not None and spec.batch_axis is not None:
        shape = shape[: spec.batch_axis] + shape[spec.batch_axis + 1 :]
    datatype = "STRING" if spec.datatype is Datatype.BYTES else spec.datatype.value
    return {"name": spec.name, "data_type": f"TYPE_{datatype}", "dims": shape}


def _batching(version: Version) -> dict[str, Any]:
    # any policy may fill the socket: these are told if it has options of these names
    options = version.config.batching.options
    delay, preferred = getattr(options, "max_delay_ms", None), getattr(options, "preferred_batch_sizes", None)
    told: dict[str, Any] = {}
    if preferred:
        told["preferred_batch_size"] = list(preferred)
    if delay is not None:
        told["max_queue_delay_microseconds"] = round(delay * 1000)
    return told


def _kind(device: str) -> str:
    if device.startswith("cuda"):
        return "KIND_GPU"
    return "KIND_CPU" if device == "cpu" else "KIND_AUTO"
