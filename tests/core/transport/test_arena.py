"""Shared memory is given out without overlap, and comes back whole."""

from __future__ import annotations

import os
import random

import pytest

from jackfield.transport.arena import Arena


@pytest.fixture
def arena() -> Arena:
    return Arena(1 << 16)


def test_parts_do_not_overlap_and_all_comes_back(arena: Arena) -> None:
    draw = random.Random(4)
    held: dict[int, int] = {}
    refused = 0
    for _ in range(3000):
        if held and draw.random() < 0.5:
            start = draw.choice(list(held))
            del held[start]
            arena.give(start)
            continue
        size = draw.randint(1, 9000)
        start_or_none = arena.take(size)
        if start_or_none is None:
            refused += 1
            continue
        assert 0 <= start_or_none <= arena.size - size
        assert all(start_or_none + size <= one or one + length <= start_or_none for one, length in held.items())
        held[start_or_none] = size
    assert refused > 10
    for start in held:
        arena.give(start)
    assert arena.taken == 0
    assert arena.take(arena.size) == 0
    arena.close()


def test_what_nobody_took_is_passed_over(arena: Arena) -> None:
    first = arena.take(100)
    assert first is not None
    arena.give(first)
    arena.give(first)
    arena.give(12345)
    assert arena.take(arena.size) == 0
    assert arena.take(1) is None
    arena.close()


def test_the_other_side_sees_what_was_written(arena: Arena) -> None:
    other = Arena(arena.size, os.dup(arena.descriptor))
    arena.memory[100:105] = b"hello"
    assert other.memory[100:105] == b"hello"
    other.close()
    arena.close()


def test_large_parts_give_their_memory_back() -> None:
    arena = Arena(64 << 20)
    start = arena.take(32 << 20)
    assert start is not None
    arena.memory[start : start + (32 << 20)] = b"x" * (32 << 20)
    held = os.fstat(arena.descriptor).st_blocks * 512
    arena.give(start)
    assert held >= 32 << 20
    assert os.fstat(arena.descriptor).st_blocks * 512 < 1 << 20
    again = arena.take(32 << 20)
    assert again is not None
    assert arena.memory[again : again + 8] == bytes(8)
    arena.close()
