"""How many blocks there are, at the borders of budgets; and what machine and control group say of memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jackfield.errors import LoadError
from jackfield_plugins.generation.serving import memory
from jackfield_plugins.generation.serving.memory import BLOCK, block_bytes, blocks_of, cached_numbers, free_memory
from jackfield_plugins.generation.serving.options import DecoderOptions
from jackfield_plugins.generation.spec import DecoderSpec
from tests.plugins.generation.serving.checkpoint import BLOCK_BYTES, CONTEXT, artifact

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> DecoderSpec:
    found = artifact(tmp_path_factory.mktemp("memory")).content.spec
    assert isinstance(found, DecoderSpec)
    return found


def of(spec: DecoderSpec, options: DecoderOptions, free: int | None) -> int:
    """Blocks of a decoder that is known here."""
    return blocks_of(cached_numbers(spec), spec.context, options, free)


def test_bytes_of_a_block(spec: DecoderSpec) -> None:
    assert block_bytes(cached_numbers(spec), "fp32") == BLOCK_BYTES
    assert block_bytes(cached_numbers(spec), "half") == BLOCK_BYTES // 2


def test_a_budget_that_is_named_is_used_whatever_is_free(spec: DecoderSpec) -> None:
    for free in (None, 0, 2**40):
        assert of(spec, DecoderOptions(kv_cache_mib=1), free) == MIB // BLOCK_BYTES
    assert of(spec, DecoderOptions(kv_cache_mib=1, cache="half"), None) == 2 * MIB // BLOCK_BYTES
    odd = replace(spec, layers=spec.layers + spec.layers[:1])  # a MiB is no multiple of its blocks
    assert of(odd, DecoderOptions(kv_cache_mib=1), None) == MIB // (BLOCK_BYTES * 3 // 2)


def test_all_sequences_of_full_context_if_that_is_not_too_much(spec: DecoderSpec) -> None:
    options = DecoderOptions(max_sequences=3)
    whole = 3 * CONTEXT // BLOCK
    assert of(spec, options, None) == whole
    enough = 4 * whole * BLOCK_BYTES  # of which a quarter may be taken
    assert of(spec, options, enough) == whole
    assert of(spec, options, enough - 4) == whole - 1
    assert of(spec, options, 100 * enough) == whole
    assert of(spec, DecoderOptions(max_sequences=3, kv_cache_share=0.5), enough // 2) == whole
    assert of(replace(spec, context=17), options, None) == 3 * 2, "a block that is begun counts"


def test_not_one_block_is_said_at_once(spec: DecoderSpec) -> None:
    assert of(spec, DecoderOptions(), 4 * BLOCK_BYTES) == 1
    sentence = (
        r"^the KV cache may take 0\.0 MiB, and 16 tokens of this model take 0\.0 MiB: set `kv_cache_mib`$"
        if BLOCK_BYTES < MIB / 20
        else ""
    )
    with pytest.raises(LoadError, match=sentence):
        of(spec, DecoderOptions(), 4 * BLOCK_BYTES - 4)
    large = replace(spec, head_size=4096)
    with pytest.raises(LoadError, match=r"may take 1\.0 MiB, and 16 tokens of this model take 2\.0 MiB"):
        of(large, DecoderOptions(kv_cache_mib=1), None)
    assert of(large, DecoderOptions(kv_cache_mib=2), None) == 1


def test_blocks_are_numbered_in_32_bits(spec: DecoderSpec) -> None:
    assert of(spec, DecoderOptions(kv_cache_mib=2**34), None) == 2**31 - 1


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where the kernel's files can be written: `meminfo`, `memory.max`, `memory.current`."""
    monkeypatch.setattr(memory, "_MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    return tmp_path


MEMINFO = "MemTotal:       24000000 kB\nMemFree:          100 kB\nMemAvailable:    5000 kB\nBuffers: 3 kB\n"


def test_what_the_machine_says(system: Path) -> None:
    assert free_memory() is None
    (system / "meminfo").write_text(MEMINFO)
    assert free_memory() == 5000 * 1024
    for nonsense in ("MemAvailable:\n", "MemAvailable: much kB\n", "MemFree: 4 kB\n", ""):
        (system / "meminfo").write_text(nonsense)
        assert free_memory() is None


def test_what_the_control_group_says(system: Path) -> None:
    (system / "memory.max").write_text("4096\n")
    assert free_memory() is None, "without what is used nobody knows what is free"
    (system / "memory.current").write_text("1000\n")
    assert free_memory() == 3096
    (system / "memory.current").write_text("5000\n")
    assert free_memory() == 0
    (system / "memory.stat").write_text("anon 900\ninactive_file 3000\nactive_file 1100\n")
    assert free_memory() == 2096
    (system / "memory.stat").write_text("nothing that is known\n")
    assert free_memory() == 0
    for limit in ("max\n", "lots\n", ""):
        (system / "memory.max").write_text(limit)
        assert free_memory() is None


def test_the_smaller_of_both_counts(system: Path) -> None:
    (system / "meminfo").write_text(MEMINFO)
    (system / "memory.current").write_text("0")
    (system / "memory.max").write_text("4096")
    assert free_memory() == 4096
    (system / "memory.max").write_text(str(2**40))
    assert free_memory() == 5000 * 1024


def test_this_machine_says_something() -> None:
    free = free_memory()
    assert free is None or free > MIB
