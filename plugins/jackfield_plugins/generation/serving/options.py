"""Options that every backend for decoders has."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from jackfield import Options


class DecoderOptions(Options):
    """How much of the machine a decoder gets, and what its KV cache keeps."""

    context: int | None = Field(default=None, ge=16)
    """Most tokens of prompt and answer together; None: as many as the model was made for."""
    kv_cache_mib: int | None = Field(default=None, ge=1)
    """Memory of the KV cache in MiB; None: what `max_sequences` sequences of full context take, but at most
    `kv_cache_share` of the memory that is free."""
    kv_cache_share: float = Field(default=0.25, gt=0, le=0.95)
    """Share of the free memory that the KV cache may take where `kv_cache_mib` says nothing."""
    cache: Literal["fp32", "half"] = "fp32"
    """Datatype of keys and values; `half` holds twice as many tokens."""
    prefix_caching: bool = True
    """Whether what was computed of a prompt is found again by later ones that begin alike, of the same tenant."""
    max_sequences: int = Field(default=256, ge=1, le=4096)
    """Most sequences that hold a part of the KV cache at a time. The batching policy may take fewer into a step."""
    threads: int = Field(default=0, ge=0, le=1024)
    """Threads of a step; 0: as many as this process may use processors, or as `cores` gives, divided among the model's
    replicas. Other models' threads are not counted, nor those of PyTorch for an encoder: where such models are busy at
    the same time, give each its own part of the processors with `cores`, or fewer `threads` to those of `native`."""
