"""The state of a generation: its sequences, how far they are, and what they hold of the KV cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from jackfield import Array, Response
from jackfield_plugins.generation.answer import Answer, Piece, Usage
from jackfield_plugins.generation.cache import KeyValueCache
from jackfield_plugins.generation.parameters import Parameters
from jackfield_plugins.generation.prefix import Chain
from jackfield_plugins.generation.rows import Rows
from jackfield_plugins.generation.sampling.choice import Choice
from jackfield_plugins.generation.sampling.logprobs import Likelihood

_PROMPT_ROWS = 32
"""Tokens a step of a prompt whose own likelihoods are asked for: each of them has a row of logits, of 192 KB for a
vocabulary of 49,152."""
_ALL = 2**31


class Sequence:
    """One answer in the making. `tokens`: int32, prompt and answer, and room; `length` of them are there, and the first
    `computed` have keys and values in the cache, in the blocks of `table`. `room`: most tokens of the answer. `slot`:
    its place among the rows that decode, -1 if it is not among them; `line`: its line in the tables, -1 if it holds
    nothing."""

    __slots__ = ("answer", "chain", "choice", "computed", "length", "line", "room", "slot", "table", "tokens")

    def __init__(self, tokens: Array, length: int, room: int, chain: Chain, choice: Choice, answer: Answer) -> None:
        self.tokens = tokens
        self.length = length
        self.room = room
        self.computed = 0
        self.table: list[int] = []
        self.line = -1
        self.slot = -1
        self.chain = chain
        self.choice = choice
        self.answer = answer

    @property
    def pending(self) -> int:
        """Tokens that are to be computed before it gives its next one."""
        return self.length - self.computed

    def append(self, token: int) -> None:
        """`token` comes next."""
        if self.length == len(self.tokens):
            self.tokens = np.append(self.tokens, np.zeros_like(self.tokens))
        self.tokens[self.length] = token
        self.length += 1


class Generation:
    """What a work of generation is: `work.extra`. Implements `Progress`.

    `sequences`: the prompt's own until that is computed, then one for each choice that is not over; `forks`: the
    others, ready for that moment. `reserved`: which take part in the next step, with how many tokens. `copies`: blocks
    that are to be copied before that. `finishes`: why each answer that is over ended.
    """

    def __init__(self, cache: KeyValueCache, rows: Rows[Sequence], prompt: int, p: Parameters, first: Sequence) -> None:
        self.parameters = p
        self.prompt = prompt
        self.sequences = [first]
        self.forks: list[Sequence] = []
        self.forked = p.n == 1
        self.reserved: list[tuple[Sequence, int]] = []
        self.copies: list[tuple[int, int]] = []
        self.width = p.n
        self.pending = 0
        self.decoding = False
        self.preemptions = 0
        self.prompt_likelihoods: list[Likelihood | None] | None = [None] if p.echo and p.logprobs is not None else None
        self._limit = _PROMPT_ROWS if self.prompt_likelihoods is not None else _ALL
        self._cached = -1
        self._said = 0
        self._prompt_told = False
        self.finishes: list[str] = []
        self._over: list[Sequence] = []
        self._lines: list[int] = []
        self._cache = cache
        self._rows = rows
        self._update()

    def need(self, tokens: int | None = None) -> int:
        """See `Progress`."""
        if self.decoding:
            return self._need_of_all()
        cache = self._cache
        need, known, left = 0, 0, _ALL if tokens is None else tokens
        begun = waits = False
        for sequence in self.sequences:
            if sequence.line < 0 and waits and tokens is not None:
                break  # as in `reserve`
            prefix = self._prefix(sequence) if sequence.line < 0 else []
            start = sequence.computed + len(prefix) * cache.pool.size
            known += len(prefix) * cache.pool.size
            part = min(sequence.length - start, left)
            left -= part
            if part:
                need += cache.need(sequence, start + part, prefix)
                waits = waits or sequence.length - start > 1
                if sequence.line < 0 and begun:
                    need -= self._brought(prefix)
            begun = True
        if tokens is None:
            self.pending = min(sum(sequence.pending for sequence in self.sequences) - known, self._limit)
        return need

    def reserve(self, tokens: int) -> bool:
        """See `Progress`."""
        cache = self._cache
        if self.decoding and len(self.sequences) == 1:  # what there are most of, by far
            only = self.sequences[0]
            if only.computed % cache.pool.size and not cache.shared(only):
                self.reserved = [(only, 1)]
                return True
        self.reserved, self.copies = [], []
        lacking = sum(sequence.line < 0 for sequence in self.sequences)
        if not self.forked and not self._lines:
            lacking += self.width - 1
        if lacking > cache.lines or self.need(tokens) > cache.pool.free:
            return False
        for sequence in self.sequences:
            if sequence.line < 0:
                if any(earlier.pending > 1 for earlier, _ in self.reserved):
                    break  # it begins with what that one is computing, once it is there
                self._begin(sequence)
            part = min(sequence.pending, tokens)
            if not part:
                break
            tokens -= part
            copy = cache.grow(sequence, sequence.computed + part)
            if copy is not None:
                self.copies.append(copy)
            self.reserved.append((sequence, part))
        return True

    def preempt(self) -> int:
        """See `Progress`."""
        self.preemptions += 1
        return self.leave()

    def leave(self) -> int:
        """Give everything back; how many blocks became free."""
        self.reserved, self.copies = [], []
        freed = 0
        for sequence in self.sequences:
            self._rows.leave(sequence)
            freed += self._cache.leave(sequence)
        self._cache.give_lines(self._lines)
        self._lines = []
        self._update()
        return freed

    def fork(self) -> None:
        """The prompt is computed: `forks` go on from it too, each by itself."""
        first = self.sequences[0]
        for other, line in zip(self.forks, self._lines, strict=True):
            self._cache.share(first, other, line)
        self.sequences += self.forks
        self.forks, self._lines, self.forked = [], [], True

    def go_on(self, sequences: list[Sequence], finishes: list[str], said: int) -> None:
        """It was begun elsewhere: `sequences` are the choices that are not over, of others it is told why they ended
        and how many tokens they have together. As after a preemption, nothing of it is computed."""
        self.sequences, self.forked = sequences, True
        self.finishes, self._said = finishes, said
        self._update()

    def end(self, sequence: Sequence) -> None:
        """`sequence` has its answer."""
        self._rows.leave(sequence)
        self._cache.leave(sequence)

    def told(self, stream: bool) -> Response | None:
        """After a step that it took part in: what there is to say, to who takes it in pieces or to who does not."""
        self.reserved, self.copies = [], []
        if not self.decoding or len(self.sequences) > 1 or self.sequences[0].answer.finish:
            over = [sequence for sequence in self.sequences if sequence.answer.finish]
            self._over += over
            self.finishes += [sequence.answer.finish for sequence in over]
            self.sequences = [sequence for sequence in self.sequences if not sequence.answer.finish]
            self._update()
        if self.sequences and not stream:
            return None
        over, self._over = sorted(self._over, key=_index), []
        pieces = [piece for one in (*over, *self.sequences) if (piece := one.answer.take()) is not None]
        self._said += sum(one.answer.said for one in over)
        if self.sequences and not pieces:
            return None
        spent = sum([len(piece.tokens) for piece in pieces]) + (0 if self._prompt_told else self.prompt)
        self._prompt_told = True
        more: dict[str, Any] = {"pieces": pieces}
        if self.prompt_likelihoods is not None and len(self.prompt_likelihoods) >= self.prompt:
            more["prompt_likelihoods"], self.prompt_likelihoods = self.prompt_likelihoods, None
        if self.sequences:
            return Response({}, more, final=False, spent=spent)
        more["usage"] = Usage(self.prompt, self._said, max(self._cached, 0))
        return Response({} if stream else _arrays(pieces[0]), more, spent=spent)

    def _begin(self, sequence: Sequence) -> None:
        self._cache.begin(sequence, self._prefix(sequence), not self._prompt_asked)
        if not self.forked:
            self._lines = self._cache.take_lines(self.width - 1)
        if self._cached < 0:
            self._cached = sequence.computed

    @property
    def _prompt_asked(self) -> bool:
        """Whether tokens of the prompt are asked about still, so that all of it is computed."""
        return self.prompt_likelihoods is not None and len(self.prompt_likelihoods) < self.prompt

    def _prefix(self, sequence: Sequence) -> list[int]:
        """What is there of it already: what the cache knows, and of the prompt what another choice has. Nothing as long
        as tokens of the prompt are asked about."""
        if self._prompt_asked:
            return []
        known, size = self._cache.prefix(sequence), self._cache.pool.size
        full = min(self.prompt, sequence.length - 1) // size
        for other in self.sequences:
            if other.line >= 0 and other.computed >= full * size:
                return other.table[:full] + known[full:]
        return known

    def _brought(self, prefix: list[int]) -> int:
        """Of the free blocks that one takes which begins with `prefix`, those of the prompt that another brings."""
        pool, full = self._cache.pool, self.prompt // self._cache.pool.size
        return full - sum([pool.held(block) for block in prefix[:full]])

    def _update(self) -> None:
        total = sum([sequence.length - sequence.computed for sequence in self.sequences])
        self.decoding = total == len(self.sequences) and all(s.slot >= 0 for s in self.sequences)
        self.pending = total if self.decoding else min(total, self._limit)

    def _need_of_all(self) -> int:
        """As many blocks as one more token of each takes. Of those that write to one block the last keeps it."""
        size = self._cache.pool.size
        need, sharing = 0, dict[int, int]()
        for sequence in self.sequences:
            number = sequence.computed // size
            if number == len(sequence.table):
                need += 1
            elif self._cache.shared(sequence):
                block = sequence.table[number]
                sharing[block] = sharing.get(block, 0) + 1
        return need + sum(sharing.values()) - len(sharing)


def _index(sequence: Sequence) -> int:
    return sequence.choice.lane


def _arrays(piece: Piece) -> dict[str, Array]:
    text = np.empty(1, object)
    text[0] = piece.text.encode()
    return {"tokens": np.array(piece.tokens, np.int32), "text": text}
