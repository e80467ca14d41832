"""Random numbers that depend on a key and a counter alone, so that a seed gives the same whoever shares the batch.

Philox4x32-10, from "Parallel Random Numbers: As Easy as 1, 2, 3" (Salmon, Moraes, Dror and Shaw, 2011).
"""

from __future__ import annotations

import numpy as np

from jackfield import Array

_MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], np.uint64)
_WEYL = np.array([0x9E3779B9, 0xBB67AE85], np.uint32)
_ROUNDS = 10
_SHIFT, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)


def philox(counters: Array, keys: Array) -> Array:
    """uint32 [rows, 4] from counters uint32 [rows, 4] and keys uint32 [rows, 2]: one block of bits a row."""
    c0, c1, c2, c3 = (counters[:, lane].astype(np.uint64) for lane in range(4))
    key = keys.astype(np.uint32)
    for turn in range(_ROUNDS):
        if turn:
            key = key + _WEYL  # wraps around
        first, second = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            (second >> _SHIFT) ^ c1 ^ key[:, 0],
            second & _LOW,
            (first >> _SHIFT) ^ c3 ^ key[:, 1],
            first & _LOW,
        )
    return np.stack([c0, c1, c2, c3], axis=1).astype(np.uint32)


def uniforms(seeds: Array, lanes: Array, places: Array) -> Array:
    """float64 [rows] in [0, 1), with 53 random bits: for each row of a `seed` (uint64) the number at a `place` of a
    `lane` (both up to 2**32), such as a position of one of a request's sequences."""
    counters = np.zeros((len(seeds), 4), np.uint32)
    counters[:, 0], counters[:, 1] = places, lanes
    keys = np.stack([seeds & _LOW, seeds >> _SHIFT], axis=1).astype(np.uint32)
    bits = philox(counters, keys).astype(np.uint64)
    return ((bits[:, 0] >> np.uint64(5)) * float(2**26) + (bits[:, 1] >> np.uint64(6))) / float(2**53)
