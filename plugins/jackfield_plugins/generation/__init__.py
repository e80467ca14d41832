"""Generating text: decoders, their checkpoints, and the parts of the engine that are theirs alone.

`blocks`, `prefix` and `cache` are the KV cache, `continuous` plans steps by `pace`, `rows` holds what a step is made
of, `sequence` is the state of a generation, `sampling` chooses tokens, `answer` is what clients are told, and
`executor` joins these with a `decoder`.
"""

from __future__ import annotations

from collections.abc import Mapping

from jackfield import BatchingPolicy, hookimpl

jackfield_api = "1.0"


@hookimpl
def jackfield_batching_policies() -> Mapping[str, type[BatchingPolicy]]:
    """The batching policies of this plugin."""
    from jackfield_plugins.generation.continuous import Continuous

    return {"continuous": Continuous}
