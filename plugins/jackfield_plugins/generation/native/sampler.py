"""Sampling by the native library: as `NumpySampler`, bit for bit, on several threads."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from jackfield import Array
from jackfield_plugins.generation.native.library import SETS, NotThere, library
from jackfield_plugins.generation.sampling.adjust import Adjustments
from jackfield_plugins.generation.sampling.choice import Choice
from jackfield_plugins.generation.sampling.logprobs import Figures, Likelihood
from jackfield_plugins.generation.sampling.sampler import (
    Chosen,
    NumpySampler,
    Sampler,
    counts_of,
    told,
    told_of_all,
)

_MOST_THREADS = 8  # more take longer to wake than they save


class Asked(ctypes.Structure):
    """How a row's token is chosen; `Asked` of source/sampling.h."""

    _fields_ = [
        ("seed", ctypes.c_uint64),
        ("top_p", ctypes.c_double),
        ("least", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("penalised", "counts", "biased", "biases", "banned")),
        *((name, ctypes.c_int32) for name in ("penalised_count", "biased_count", "banned_count")),
        *((name, ctypes.c_float) for name in ("repetition", "presence", "frequency", "scale")),
        *((name, ctypes.c_uint32) for name in ("lane", "said")),
        *((name, ctypes.c_int32) for name in ("top_k", "best")),
    ]


class Likely(ctypes.Structure):
    """`Likely` of source/sampling.h."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("totals", "tops", "logits", "best", "best_logits")),
        ("most", ctypes.c_int32),
    ]


class _Record:
    """A choice as the library reads it; kept with the choice."""

    __slots__ = ("_adjustments", "_counts", "asked", "place")

    def __init__(self, choice: Choice, vocabulary: int) -> None:
        self.asked = asked = Asked()
        asked.seed, asked.lane = choice.seed, choice.lane
        asked.top_p, asked.least, asked.top_k = choice.top_p, choice.least, min(choice.top_k, vocabulary)
        asked.scale = 0.0 if choice.greedy else choice.scale
        asked.best = -1 if choice.logprobs is None else min(choice.logprobs, vocabulary)
        self.place = ctypes.addressof(asked)
        self._adjustments = one = choice.adjustments
        self._counts: Array | None = None  # also keeps the arrays alive that are pointed to
        if one is not None:
            asked.repetition, asked.presence, asked.frequency = one.repetition, one.presence, one.frequency
            asked.biased, asked.biases, asked.biased_count = _at(one.biased), _at(one.biases), len(one.biased)
            asked.banned = _at(one.banned)

    def renew(self, said: int) -> int:
        """For the next token, after so many; where it lies."""
        self.asked.said = said
        if self._adjustments is not None:
            self._adjust(self._adjustments, said)
        return self.place

    def _adjust(self, one: Adjustments, said: int) -> None:
        asked = self.asked
        if one.penalised:
            asked.penalised_count = one.size
            if one.counts is not self._counts:
                self._counts = one.counts
                asked.penalised, asked.counts = _at(one.tokens), _at(one.counts)
        asked.banned_count = len(one.banned) if said < one.ban_until else 0


class NativeSampler(Sampler):
    """For rows of `vocabulary` logits, on so many threads, in an instruction set by the library's numbers (None: the
    best here). Raises NotThere, and MemoryError."""

    name = "native"

    def __init__(self, vocabulary: int, threads: int = 1, instruction_set: int | None = None) -> None:
        self._handle: Any = None
        self._library = native = library()
        self._vocabulary = vocabulary
        number = len(native.sets_here()) - 1 if instruction_set is None else instruction_set
        self.about = f"{SETS[number]}, threads: {threads}"
        self._handle = native.sampler_new(vocabulary, threads, number)
        if not self._handle:
            raise MemoryError(f"the memory or threads for sampling from {vocabulary} tokens cannot be had")

    def choose(self, logits: Array, rows: Array, choices: Sequence[Choice], plain: bool) -> Chosen:
        """See `Sampler`."""
        if plain:
            tokens = self._run(logits, rows, None, None)
            return told(tokens, tokens >= 0, None, ())
        places, changes = [], False
        for choice in choices:
            record = choice.record
            if record is None:
                record = choice.record = _Record(choice, self._vocabulary)
            places.append(record.renew(choice.said))
            changes = changes or choice.adjustments is not None
        if changes and (not logits.flags.writeable or (rows[1:] == rows[:-1]).any()):
            logits, rows = logits[rows], np.arange(len(rows))  # each thread changes a row of its own
        counts = counts_of(choices)
        most = max(counts)
        figures = Figures(len(choices), min(most, self._vocabulary)) if most >= 0 else None
        tokens = self._run(logits, rows, places, figures)
        return told(tokens, tokens >= 0, figures, counts)

    def likelihoods(self, logits: Array, rows: Array, tokens: Array, count: int) -> list[Likelihood]:
        """See `Sampler`."""
        figures = Figures(len(rows), min(count, self._vocabulary))
        asked = Asked(best=min(count, self._vocabulary))
        self._run(logits, rows, [ctypes.addressof(asked)] * len(rows), figures)
        figures.logits[:] = logits[rows, tokens]
        return told_of_all(figures, tokens.tolist(), count)

    def close(self) -> None:
        """See `Sampler`."""
        handle, self._handle = self._handle, None
        if handle:
            self._library.sampler_free(handle)

    def __del__(self) -> None:
        self.close()

    def _run(self, logits: Array, rows: Array, asked: Sequence[int] | None, figures: Figures | None) -> Array:
        if logits.dtype != np.float32 or logits.strides[1] != logits.itemsize:
            logits, rows = np.ascontiguousarray(logits[rows], np.float32), np.arange(len(rows))
        rows = np.ascontiguousarray(rows, np.int64)
        count = len(rows)
        tokens = np.empty(count, np.int64)
        given = None if asked is None else (ctypes.c_void_p * count)(*asked)
        likely = None
        if figures is not None:
            f = figures
            arrays = (f.totals, f.tops, f.logits, f.best, f.best_logits)
            likely = ctypes.byref(Likely(*[_at(array) for array in arrays], f.best.shape[1]))
        ld = logits.strides[0] // logits.itemsize
        self._library.sampler_choose(self._handle, _at(logits), ld, _at(rows), given, count, _at(tokens), likely)
        return tokens


def sampler_for(vocabulary: int, threads: int = 1) -> Sampler:
    """The native one, or where the library cannot be had, that in NumPy, which gives the same tokens."""
    try:
        return NativeSampler(vocabulary, min(threads, _MOST_THREADS))
    except NotThere as problem:
        return NumpySampler(str(problem))


def _at(array: Array) -> int:
    place: int = array.ctypes.data
    return place
