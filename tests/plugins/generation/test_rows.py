"""The rows of steps: right after whatever comes and goes, and kept up, not built anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from jackfield import Array
from jackfield_plugins.generation.decoder import TokenRows
from jackfield_plugins.generation.rows import Rows
from tests.plugins.generation.decoders import HashDecoder
from tests.plugins.generation.engine import Engine

LINES = 12
TABLES = np.arange(LINES * 3, dtype=np.int32).reshape(LINES, 3)


class One:
    """As much of a sequence as rows know."""

    def __init__(self, line: int, tokens: Array) -> None:
        self.tokens = np.zeros(4000, np.int32)
        self.tokens[: len(tokens)] = tokens
        self.length = len(tokens)
        self.computed = 0
        self.line = line
        self.slot = -1

    def append(self, token: int) -> None:
        self.tokens[self.length] = token
        self.length += 1


def anew(decoding: Sequence[One], prefill: Sequence[tuple[One, int]], wanted: Sequence[int]) -> list[list[int]]:
    """Tokens, positions, lines and what is wanted, out of the sequences alone."""
    places = [(one, one.length - 1) for one in decoding]
    places += [(one, one.computed + number) for one, part in prefill for number in range(part)]
    return [
        [int(one.tokens[place]) for one, place in places],
        [place for _, place in places],
        [one.line for one, _ in places],
        [*range(len(decoding)), *wanted],
    ]


def found(rows: TokenRows) -> list[list[int]]:
    arrays = (rows.tokens, rows.positions, rows.lines, rows.wanted)
    assert all(array.dtype == np.int32 and array.flags.c_contiguous for array in arrays)
    return [array.tolist() for array in arrays]


class Traffic:
    """Sequences that come, decode, wait and go, as `draw` has it."""

    def __init__(self, seed: int) -> None:
        self.draw = np.random.default_rng(seed)
        self.rows: Rows[One] = Rows(TABLES, 2)  # so that it must grow
        self.free = list(range(LINES))
        self.waiting: list[One] = []

    def come(self) -> None:
        if self.free:
            tokens = self.draw.integers(0, 1000, self.draw.integers(2, 40))
            self.waiting.append(One(self.free.pop(), tokens))

    def begin(self) -> None:
        if self.waiting:
            one = self.waiting.pop(self.draw.integers(len(self.waiting)))
            one.computed = one.length
            one.append(int(self.draw.integers(1000)))
            self.rows.enter(one)

    def go(self) -> None:
        everybody = [*self.rows.order, *self.waiting]
        if everybody:
            one = everybody[self.draw.integers(len(everybody))]
            self.rows.leave(one)
            self.rows.leave(one)  # who does not decode may leave as well
            self.free.append(one.line)
            if one in self.waiting:
                self.waiting.remove(one)

    def step(self) -> None:
        """All that decode get a token."""
        tokens = self.draw.integers(0, 1000, len(self.rows.order)).astype(np.int32)
        self.rows.advance(tokens)
        for one, token in zip(self.rows.order, tokens.tolist(), strict=True):
            one.append(token)

    def step_of_some(self) -> None:
        for one in self.some():
            one.append(int(self.draw.integers(1000)))
            self.rows.renew(one)

    def some(self) -> list[One]:
        chosen = self.draw.random(len(self.rows.order)) < 0.5
        return [one for one, is_chosen in zip(self.rows.order, chosen, strict=True) if is_chosen]

    def check(self) -> None:
        """The steps that could come next: of all, of some, with and without prefill."""
        order = self.rows.order
        assert [one.slot for one in order] == list(range(len(order)))
        assert all(one.slot == -1 for one in self.waiting)
        prefill = []
        for one in self.waiting[:3]:
            one.computed = int(self.draw.integers(one.length))
            prefill.append((one, int(self.draw.integers(1, one.length - one.computed + 1))))
        for decoding in (order.copy(), self.some()):
            for parts in ([], prefill):
                first, total = len(decoding), len(decoding) + sum(part for _, part in parts)
                wanted = [row for row in range(first, total) if self.draw.random() < 0.3]
                rows = self.rows.arrange(decoding, parts, wanted)
                assert rows.tables is TABLES
                assert found(rows) == anew(decoding, parts, wanted)


@pytest.mark.parametrize("seed", range(5))
def test_rows_are_as_if_they_were_built_anew(seed: int) -> None:
    traffic = Traffic(seed)
    actions = [traffic.come, traffic.begin, traffic.go, traffic.step, traffic.step, traffic.step_of_some]
    most = 0
    for _ in range(400):
        actions[traffic.draw.integers(len(actions))]()
        traffic.check()
        most = max(most, len(traffic.rows.order))
    assert most > 4


def test_what_stays_is_not_written_again() -> None:
    """Nobody comes or goes: lines are as they are, positions one more than they were, even if that is wrong."""
    rows: Rows[One] = Rows(TABLES, 8)
    ones = [One(line, np.arange(5 + line)) for line in range(3)]
    for one in ones:
        rows.enter(one)
    kept = rows.arrange(ones, [], [])
    kept.tokens[:], kept.positions[:], kept.lines[:] = 99, [50, 60, 70], [7, 8, 9]
    rows.renew(ones[1])  # one alone
    after = rows.arrange(ones, [], [])
    assert found(after)[:3] == [[99, 5, 99], [50, 5, 70], [7, 8, 9]]
    rows.advance(np.array([1, 2, 3], np.int32))
    after = rows.arrange(ones, [(One(4, np.arange(9)), 2)], [4])
    assert found(after) == [[1, 2, 3, 0, 1], [51, 6, 71, 0, 1], [7, 8, 9, 4, 4], [0, 1, 2, 4]]
    rows.leave(ones[0])  # the last takes its place, as it is
    after = rows.arrange([ones[2], ones[1]], [], [])
    assert found(after)[:3] == [[3, 2], [71, 6], [9, 8]]
    for name in ("tokens", "positions", "lines"):
        assert np.shares_memory(getattr(after, name), getattr(kept, name))


def test_steps_are_not_built_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The executor writes to the rows of a sequence when that comes and when it goes."""
    calls: Counter[str] = Counter()

    def counted(name: str) -> None:
        call = getattr(Rows, name)

        def counting(*args: Any) -> None:
            calls[name] += 1
            call(*args)

        monkeypatch.setattr(Rows, name, counting)

    class Keeping(HashDecoder):
        seen: list[Array] = []

        def compute(self, rows: TokenRows) -> Array:
            self.seen.append(rows.tokens)
            return super().compute(rows)

    for name in ("enter", "renew", "advance"):
        counted(name)
    decoder = Keeping(64)
    engine = Engine(decoder)
    for number in range(4):
        engine.submit([number, 5, 9], max_tokens=30 + 10 * number)
    engine.drain()
    assert calls["enter"] == calls["renew"] == 4
    assert calls["advance"] >= 59
    assert all(np.shares_memory(one, decoder.seen[0]) for one in decoder.seen)
