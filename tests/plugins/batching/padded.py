"""`dynamic` with padding, as it is after a model was loaded, for tests that load none."""

from __future__ import annotations

from typing import Any

from jackfield import Padding, PadOptions
from jackfield.lifecycle.padding import settle_padding
from jackfield.testing import ScriptedExecutor
from jackfield_plugins.batching.dynamic import Dynamic, DynamicOptions

WIDTH = {"name": "width", "inputs": {"x": 1}, "outputs": {"y": 1}}


def padding(**pad: Any) -> Padding:
    """Of the width of `double`."""
    return settle_padding(ScriptedExecutor(), PadOptions.model_validate({"axes": [WIDTH], **pad}), 8, None)


def padded(budget: float = 0.25, buckets: Any = None, **options: Any) -> Dynamic:
    """The policy."""
    pad = {"axes": [WIDTH], "budget": budget, "buckets": buckets or {}}
    policy = Dynamic(DynamicOptions.model_validate({**options, "pad": pad}))
    assert policy.pad is not None
    policy.padding = settle_padding(ScriptedExecutor(), policy.pad, 8, None)
    return policy
