"""Statistics of versions, in the shape that load generators read."""

from __future__ import annotations

from typing import Any, Protocol

from jackfield import Server, Version
from jackfield_plugins.open_inference.paths import Target

_NEVER = {"count": 0, "ns": 0}


class _Duration(Protocol):
    count: int
    ns: int


def model_stats(server: Server, target: Target) -> tuple[int, Any]:
    """Of one version, or of all versions of a model."""
    model = server.model(target.model)
    versions = [model.version(target.version)] if target.version else list(model.versions.values())
    return 200, {"model_stats": [_version(version) for version in versions]}


def all_stats(server: Server, target: Target) -> tuple[int, Any]:
    """Of all versions of all models."""
    return 200, {"model_stats": [_version(version) for version in server.versions]}


def _version(version: Version) -> dict[str, Any]:
    kept = version.statistics
    return {
        "name": version.model,
        "version": version.name,
        "last_inference": kept.last_inference,
        "inference_count": kept.rows,
        "execution_count": kept.steps,
        "inference_stats": {
            "success": _duration(kept.success),
            "fail": _duration(kept.fail),
            "queue": _duration(kept.queue),
            "compute_input": _duration(kept.compute_input),
            "compute_infer": _duration(kept.compute_infer),
            "compute_output": _duration(kept.compute_output),
            "cache_hit": _NEVER,
            "cache_miss": _NEVER,
        },
        "batch_stats": [
            {
                "batch_size": rows,
                "compute_input": _duration(batch.compute_input),
                "compute_infer": _duration(batch.compute_infer),
                "compute_output": _duration(batch.compute_output),
            }
            for rows, batch in sorted(kept.batches.items())
        ],
    }


def _duration(duration: _Duration) -> dict[str, int]:
    return {"count": duration.count, "ns": duration.ns}
