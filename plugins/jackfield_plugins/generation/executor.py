"""The executor of generation: joins a decoder, its KV cache, sampling and text into steps on the engine loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from collections.abc import Sequence as Many
from dataclasses import dataclass
from typing import Any

import numpy as np

from jackfield import Array, Capacity, Outcome, Request, Response, SequenceExecutor, Step, Work
from jackfield.errors import ExecutionFailed, JackfieldError, LoadError
from jackfield_plugins.generation.accepting import SIGNATURE, Accepting
from jackfield_plugins.generation.answer import MakeDetokenizer
from jackfield_plugins.generation.blocks import BlockPool, blocks_for
from jackfield_plugins.generation.cache import KeyValueCache
from jackfield_plugins.generation.costing import cost_of
from jackfield_plugins.generation.decoder import Decoder, TokenRows
from jackfield_plugins.generation.language import Language
from jackfield_plugins.generation.native.sampler import sampler_for
from jackfield_plugins.generation.parameters import DEFAULTS, Parameters
from jackfield_plugins.generation.portrait import portrait
from jackfield_plugins.generation.rows import Rows
from jackfield_plugins.generation.sampling.logprobs import Likelihood
from jackfield_plugins.generation.sampling.sampler import Sampler
from jackfield_plugins.generation.sequence import Generation, Sequence
from jackfield_plugins.generation.told import StepTokens

_WARM = (1, 16, 128)
"""Tokens of the prompts that are run ahead."""
_WANTED = 32
"""Rows of logits that there is memory for from the beginning."""


@dataclass(slots=True, eq=False)
class _Plan:
    """A step: its rows, which of its sequences get a token out of which row of the logits, and what is prefilled.
    `told`: how many tokens each of its works gets."""

    rows: TokenRows
    decoding: list[Sequence]
    prefill: list[tuple[Generation, Sequence, int]]
    chosen: list[Sequence]
    where: Array
    copies: list[tuple[int, int]]
    told: list[int]


class GenerationExecutor(SequenceExecutor):
    """Runs `decoder`. `detokenizer` makes one for each sequence; None: answers are tokens only. `ends`: the tokens with
    which the model ends an answer. `sequences`: most that share a step. `prefixes`: whether the cache finds them again.
    `defaults`: what holds where a request says nothing. `close`: called when this is closed. `sampler`: None takes the
    best here; it is closed with this.
    """

    def __init__(
        self,
        decoder: Decoder,
        detokenizer: MakeDetokenizer | None = None,
        ends: Many[int] = (),
        sequences: int = 64,
        prefixes: bool = True,
        defaults: Parameters = DEFAULTS,
        close: Callable[[], None] | None = None,
        sampler: Sampler | None = None,
    ) -> None:
        self.signature = SIGNATURE
        self.decoder = decoder
        self.sampler = sampler or sampler_for(decoder.vocabulary, decoder.threads)
        self.pool = BlockPool(decoder.blocks, decoder.block_size)
        self.cache = KeyValueCache(self.pool, sequences, decoder.context, prefixes)
        self.rows: Rows[Sequence] = Rows(self.cache.tables, sequences + 256)
        self._accepting = Accepting(
            self.cache, self.rows, decoder.vocabulary, decoder.context, sequences, ends, detokenizer, defaults
        )
        self._close = close
        self._sequences = sequences
        self._begun: dict[Work, None] = {}

    def accept(self, work: Work) -> None:
        """Check prompt and parameters: see `Accepting`."""
        work.extra = self._accepting.generation(work)
        work.rows = work.extra.width

    def cost(self, request: Request) -> int:
        """In tokens: see `cost_of`."""
        return cost_of(request)

    def release(self, work: Work) -> None:
        """Its blocks are free again."""
        generation: Generation = work.extra
        generation.leave()
        self._begun.pop(work, None)

    def warm_up(self, progress: Callable[[str, int, int], None]) -> None:
        """Run prompts of a few lengths, so that memory is mapped and threads are there."""
        positions = min(self.pool.count * self.pool.size, self.decoder.context)
        sizes = sorted({min(size, positions) for size in _WARM})
        table = np.arange(blocks_for(positions, self.pool.size), dtype=np.int32)[None]
        for done, size in enumerate(sizes):
            progress("warming up", done, len(sizes))
            count = np.arange(size, dtype=np.int32)
            nothing = np.zeros(size, np.int32)
            try:
                self.decoder.run(TokenRows(nothing, count, nothing, table, count[-min(size, _WANTED) :]))
            except Exception as error:  # a decoder may be foreign code
                raise LoadError(
                    f"the decoder failed to warm up with {size} tokens: {type(error).__name__}: {error}"
                ) from error
        progress("warming up", len(sizes), len(sizes))

    def capacity(self) -> Capacity:
        """So many sequences a step, and the free blocks."""
        return Capacity(self._sequences, blocks=self.pool.free)

    def prepare(self, step: Step) -> _Plan:
        """The rows of the step. Changes nothing that another try would miss."""
        decoding: list[Sequence] = []
        prefill: list[tuple[Generation, Sequence, int]] = []
        copies: list[tuple[int, int]] = []
        told = [0] * len(step.work)
        begun: list[int] = []
        for number, work in enumerate(step.work):
            generation: Generation = work.extra
            self._begun[work] = None
            copies += generation.copies
            for sequence, part in generation.reserved:
                if sequence.slot >= 0:
                    decoding.append(sequence)
                    told[number] += 1
                else:
                    prefill.append((generation, sequence, part))
                    begun.append(number)
        if len(decoding) == len(self.rows.order):
            decoding = self.rows.order.copy()
        chosen, where, wanted = decoding.copy(), list(range(len(decoding))), list[int]()
        row = len(decoding)
        for number, (generation, sequence, part) in zip(begun, prefill, strict=True):
            row += part
            if generation.prompt_likelihoods is not None and sequence.computed < generation.prompt:
                wanted += range(row - part, row)
            elif part == sequence.pending:
                wanted.append(row - 1)
            if part == sequence.pending and sequence.room:
                self._accepting.fork(generation)
                new = generation.forks if not generation.forked else []
                chosen += [sequence, *new]
                told[number] += 1 + len(new)
                where += [len(decoding) + len(wanted) - 1] * (1 + len(new))
        rows = self.rows.arrange(decoding, [(sequence, part) for _, sequence, part in prefill], wanted)
        return _Plan(rows, decoding, prefill, chosen, np.array(where, np.int64), copies, told)

    def execute(self, step: Step) -> Outcome:
        """Run the decoder, and give each sequence whose tokens are all computed the next one."""
        plan: _Plan = step.payload
        started = time.perf_counter()
        if plan.copies:
            self.decoder.copy(plan.copies)
        logits = self.decoder.run(plan.rows)
        ran = time.perf_counter()
        choices = [sequence.choice for sequence in plan.chosen]
        plain = all(choice.plain for choice in choices)
        tokens, likely, faults = self.sampler.choose(logits, plan.where, choices, plain)
        failed = {plan.chosen[place]: error for place, error in faults.items()}
        self._computed(plan, logits)
        self._said(plan, tokens, likely)
        results = [self._result(work, failed) for work in step.work]
        report = step.work[0].report
        if report is not None:
            report.execute += ran - started
            report.extra = self._tokens(step, plan)
            report.finish += time.perf_counter() - ran
        return Outcome(results)

    def state(self) -> Mapping[str, float]:
        """What the cache holds and has found, for metrics: `waste` is the share of places in held blocks without a
        token. A lane may change it meanwhile, so the figures are those of about this moment."""
        pool = self.pool
        held = [sequence for work in list(self._begun) for sequence in work.extra.sequences]
        places, unused = self.cache.waste(held)
        return {
            "blocks": pool.count,
            "block_tokens": pool.size,
            "blocks_held": pool.count - pool.free,
            "blocks_cached": pool.cached,
            "evictions": pool.evictions,
            "prefix_lookups": pool.lookups,
            "prefix_hits": pool.hits,
            "waste": unused / places if places else 0.0,
        }

    def portrait(self) -> tuple[str, Any] | None:
        """The language of the model, for another process; templates are rendered there from now on."""
        if not isinstance(self.about, Language):
            return None
        found = portrait(self.about)
        self.about.close()
        return found

    def close(self) -> None:
        """Give back the decoder's memory."""
        self.decoder.close()
        self.sampler.close()
        if self._close is not None:
            self._close()

    def _tokens(self, step: Step, plan: _Plan) -> StepTokens:
        decode = len(plan.decoding)
        prefill = len(plan.rows.tokens) - decode
        alike = not prefill and decode == len(step.work)
        return StepTokens(prefill, decode, step.work, None if alike else plan.told)

    def _computed(self, plan: _Plan, logits: Array) -> None:
        """Keys and values of all rows are there."""
        size = self.pool.size
        for sequence in plan.decoding:
            if sequence.length % size:
                sequence.computed = sequence.length
            else:
                self.cache.computed(sequence, sequence.length)
        row = len(plan.decoding)
        for generation, sequence, part in plan.prefill:
            start = sequence.computed
            if generation.prompt_likelihoods is not None and start < generation.prompt:
                self._prompt_likelihoods(
                    generation, sequence, part, logits, int(np.searchsorted(plan.rows.wanted, row))
                )
            self.cache.computed(sequence, start + part)
            row += part
            if sequence.pending:
                continue
            if not sequence.room:  # nothing was wanted but the prompt
                sequence.answer.cut()
                generation.end(sequence)
            elif not generation.forked:
                generation.fork()

    def _prompt_likelihoods(
        self, generation: Generation, sequence: Sequence, part: int, logits: Array, at: int
    ) -> None:
        found, p = generation.prompt_likelihoods, generation.parameters
        assert found is not None
        assert p.logprobs is not None
        # not the last token of the prompt, nor what was told before it was preempted
        first = max(len(found) - 1 - sequence.computed, 0)
        last = min(part, generation.prompt - 1 - sequence.computed)
        if first < last:
            next_tokens = sequence.tokens[sequence.computed + first + 1 : sequence.computed + last + 1]
            rows = np.arange(at + first, at + last)
            found += self.sampler.likelihoods(logits, rows, next_tokens, p.logprobs)

    def _said(self, plan: _Plan, tokens: Array, likely: list[Likelihood | None] | None) -> None:
        """Each sequence gets its next token."""
        rows, whole = self.rows, len(plan.decoding) == len(self.rows.order)
        if whole:
            rows.advance(tokens[: len(plan.decoding)])
        for place, (sequence, token) in enumerate(zip(plan.chosen, tokens.tolist(), strict=True)):
            sequence.append(token)
            sequence.choice.add(token)
            if sequence.answer.add(token, likely[place] if likely is not None else None, sequence.room):
                rows.leave(sequence)
                self.cache.leave(sequence)
            elif sequence.slot < 0:
                rows.enter(sequence)
            elif not whole:
                rows.renew(sequence)

    def _result(self, work: Work, failed: Mapping[Sequence, ExecutionFailed]) -> Response | JackfieldError | None:
        generation: Generation = work.extra
        if failed:
            for sequence in generation.sequences:
                if sequence in failed:
                    return failed[sequence]
        told, wanted = generation.told(work.request.stream), work.request.outputs
        if wanted and told is not None:
            told.outputs = {name: array for name, array in told.outputs.items() if name in wanted}
        return told
