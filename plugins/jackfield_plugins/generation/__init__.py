"""Generating text: decoders, their checkpoints, and the parts of the engine that are theirs alone.

`blocks`, `prefix` and `cache` are the KV cache, `continuous` plans steps by `pace`, `rows` holds what a step is made
of, `sequence` is the state of a generation, `sampling` chooses tokens, `answer` is what clients are told, `told` what
observers are, and `executor` joins these with a `decoder`. `serving` makes backends of it, and `language` is what
endpoints know.
"""

from __future__ import annotations

from collections.abc import Mapping

from jackfield import Backend, BatchingPolicy, hookimpl

jackfield_api = "1.0"


@hookimpl
def jackfield_batching_policies() -> Mapping[str, type[BatchingPolicy]]:
    """The batching policies of this plugin."""
    from jackfield_plugins.generation.continuous import Continuous

    return {"continuous": Continuous}


@hookimpl
def jackfield_backends() -> Mapping[str, type[Backend]]:
    """What runs decoders. A model whose configuration names none gets the first, where it can be had."""
    from jackfield_plugins.generation.serving.native import NativeBackend
    from jackfield_plugins.generation.serving.torch_decoder import TorchDecoderBackend
    from jackfield_plugins.generation.serving.transformers import TransformersBackend

    return {"native": NativeBackend, "torch-decoder": TorchDecoderBackend, "transformers": TransformersBackend}
