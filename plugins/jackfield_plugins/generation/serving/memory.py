"""How many KV blocks a decoder gets."""

from __future__ import annotations

from pathlib import Path

from jackfield.errors import LoadError
from jackfield_plugins.generation.blocks import blocks_for
from jackfield_plugins.generation.serving.options import DecoderOptions
from jackfield_plugins.generation.spec import DecoderSpec

BLOCK = 16
"""Positions in a block: few are wasted at the end of a sequence, and a block is a tile of the native kernels."""
_MIB = 1024 * 1024
_MEMORY = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def cached_numbers(spec: DecoderSpec) -> int:
    """How many numbers are kept of a token: keys and values of all layers."""
    return len(spec.layers) * 2 * spec.key_value_heads * spec.head_size


def block_bytes(numbers: int, cache: str) -> int:
    """Bytes of one block, of so many `numbers` of a token."""
    return BLOCK * numbers * (4 if cache == "fp32" else 2)


def blocks_of(numbers: int, context: int, options: DecoderOptions, free: int | None) -> int:
    """Blocks for a decoder that keeps so many `numbers` of a token, and has the `context` that is in force; `free`:
    bytes of memory that are free, None if nobody knows.

    Raises LoadError if there would not be one."""
    one = block_bytes(numbers, options.cache)
    if options.kv_cache_mib is not None:
        budget = options.kv_cache_mib * _MIB
    else:
        whole = options.max_sequences * blocks_for(context, BLOCK) * one
        budget = whole if free is None else min(whole, int(free * options.kv_cache_share))
    if budget < one:
        raise LoadError(
            f"the KV cache may take {budget / _MIB:.1f} MiB, and {BLOCK} tokens of this model take "
            f"{one / _MIB:.1f} MiB: set `kv_cache_mib`"
        )
    return min(budget // one, 2**31 - 1)


def free_memory() -> int | None:
    """Bytes that this process may still take without anybody being swapped out, as the kernel and the control group
    see it; None where neither says."""
    found = [value for value in (_of_machine(), _of_group()) if value is not None]
    return min(found) if found else None


def _of_machine() -> int | None:
    try:
        for line in _MEMORY.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        return None
    return None


def _of_group() -> int | None:
    try:
        limit = (_CGROUP / "memory.max").read_text().strip()
        used = int((_CGROUP / "memory.current").read_text())
        return None if limit == "max" else max(int(limit) - used + _files_of_group(), 0)
    except (OSError, ValueError):
        return None


def _files_of_group() -> int:
    """What is in use for files, and let go of when somebody needs memory."""
    try:
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
        return int(dict(line.split() for line in lines).get("inactive_file", 0))
    except (OSError, ValueError):
        return 0
