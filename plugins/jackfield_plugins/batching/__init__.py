"""The default batching policies of tensor models: `dynamic`, `adaptive` and `none`."""

from __future__ import annotations

from collections.abc import Mapping

from jackfield import BatchingPolicy, hookimpl
from jackfield_plugins.batching.adaptive import Adaptive
from jackfield_plugins.batching.dynamic import Dynamic
from jackfield_plugins.batching.single import Single

jackfield_api = "1.0"


@hookimpl
def jackfield_batching_policies() -> Mapping[str, type[BatchingPolicy]]:
    """The batching policies of this plugin."""
    return {"adaptive": Adaptive, "dynamic": Dynamic, "none": Single}
