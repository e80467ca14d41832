"""The random numbers are those of the paper, and depend on nothing but seed, lane and place."""

from __future__ import annotations

import numpy as np
import pytest

from jackfield_plugins.generation.sampling.philox import philox, uniforms

KNOWN = [  # the known answers of the authors' own implementation, Random123
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers(counter: list[int], key: list[int], expected: list[int]) -> None:
    got = philox(np.array([counter], np.uint32), np.array([key], np.uint32))
    assert got[0].tolist() == expected


def test_a_row_is_the_same_in_any_company() -> None:
    seeds = np.arange(50, dtype=np.uint64) * np.uint64(2**60 + 7)
    lanes, places = np.arange(50, dtype=np.uint32) % 3, np.arange(50, dtype=np.uint32)
    together = uniforms(seeds, lanes, places)
    alone = [uniforms(seeds[i : i + 1], lanes[i : i + 1], places[i : i + 1])[0] for i in range(50)]
    assert together.tolist() == alone
    assert len(set(alone)) == 50


def test_they_are_spread_evenly() -> None:
    count = 20_000
    numbers = uniforms(np.full(count, 42, np.uint64), np.zeros(count, np.uint32), np.arange(count, dtype=np.uint32))
    assert numbers.min() >= 0
    assert numbers.max() < 1
    histogram, _ = np.histogram(numbers, 20, (0, 1))
    chi_squared = ((histogram - count / 20) ** 2 / (count / 20)).sum()
    assert chi_squared < 45  # of 19 degrees of freedom: less than one in 1,000
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.03
