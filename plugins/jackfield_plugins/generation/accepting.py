"""From a request to a generation: what cannot run is refused before it costs anything."""

from __future__ import annotations

from collections.abc import Sequence as Many

import msgspec
import numpy as np

from jackfield import Array, Datatype, Signature, TensorSpec, Work
from jackfield.errors import InvalidRequest
from jackfield_plugins.generation.answer import Answer, MakeDetokenizer
from jackfield_plugins.generation.blocks import answer_within, blocks_of_choices
from jackfield_plugins.generation.cache import KeyValueCache
from jackfield_plugins.generation.parameters import DEFAULTS, Begun, Parameters, check, parameters
from jackfield_plugins.generation.prefix import Chain, salt_of
from jackfield_plugins.generation.rows import Rows
from jackfield_plugins.generation.sampling.choice import Choice, seed_of
from jackfield_plugins.generation.sequence import Generation, Sequence

TOKENS = "tokens"
_ROOM = 256  # tokens of an answer that there is room for at first
SIGNATURE = Signature(
    (TensorSpec(TOKENS, Datatype.INT32, (-1,)),),
    (TensorSpec(TOKENS, Datatype.INT32, (-1,)), TensorSpec("text", Datatype.BYTES, (1,))),
)
"""A prompt as tokens; the first choice as tokens and text. Everything else is in the parameters: see `answer`."""


class Accepting:
    """Makes the generations of one executor. Used on the event loop; the cache and the rows are only passed on.

    `vocabulary`, `context` and `sequences` are the limits of a prompt, of prompt and answer, and of `n`. `ends`: the
    tokens with which the model ends an answer. `defaults`: what holds where a request says nothing.
    """

    def __init__(
        self,
        cache: KeyValueCache,
        rows: Rows[Sequence],
        vocabulary: int,
        context: int,
        sequences: int,
        ends: Many[int],
        detokenizer: MakeDetokenizer | None,
        defaults: Parameters = DEFAULTS,
    ) -> None:
        self._cache = cache
        self._rows = rows
        self._vocabulary = vocabulary
        self._context = context
        self._sequences = sequences
        self._ends = frozenset(ends)
        self._detokenizer = detokenizer
        self._defaults = defaults

    def generation(self, work: Work) -> Generation:
        """That of `work`. Its parameters are `Parameters` in `parameters["sampling"]`, or stand there by name.

        Raises InvalidRequest."""
        request = work.request
        given = request.parameters.get("sampling")
        if isinstance(given, dict):  # it came from another process
            given = msgspec.convert(given, Parameters, strict=False)
        if isinstance(given, Parameters):
            check(given, self._vocabulary)
            p = given
        else:
            p = parameters(request.parameters, self._vocabulary, self._defaults)
        prompt = request.inputs[TOKENS]
        self._check(request.model, prompt, p)
        room = self._room(request.model, len(prompt), p)
        seed, salt = seed_of(p), salt_of(request.tenant, p.cache_salt)
        sequences: list[Sequence] = []
        for index, begun in enumerate(p.begun or (Begun(p.given),)):
            if begun.finish:
                continue
            given = begun.tokens
            tokens = np.zeros(len(prompt) + max(min(room, _ROOM), len(given)), np.int32)
            tokens[: len(prompt)] = prompt
            tokens[len(prompt) : len(prompt) + len(given)] = given
            chain = Chain(salt, self._cache.pool.size)
            sequences.append(self._sequence(p, tokens, len(prompt), room, chain, index, seed, given))
        generation = Generation(self._cache, self._rows, len(prompt), p, sequences[0])
        if p.begun:
            over = [one for one in p.begun if one.finish]
            generation.go_on(sequences, [one.finish for one in over], sum(len(one.tokens) for one in over))
        return generation

    def fork(self, generation: Generation) -> None:
        """Have the other choices ready for when the prompt is computed; another try finds them there."""
        if generation.forked or generation.forks:
            return
        p, first, prompt = generation.parameters, generation.sequences[0], generation.prompt
        generation.forks = [
            self._sequence(p, first.tokens.copy(), prompt, first.room, first.chain, index, first.choice.seed)
            for index in range(1, p.n)
        ]

    def _check(self, model: str, prompt: Array, p: Parameters) -> None:
        if not len(prompt):
            raise InvalidRequest(f"the prompt for model '{model}' must have at least one token, got none")
        length = len(prompt) + p.longest
        if length + (p.max_tokens != 0) > self._context:
            raise InvalidRequest(
                f"the prompt for model '{model}' has {length} tokens, and must leave room for an answer in a context "
                f"of {self._context}"
            )
        low, high = int(prompt.min()), int(prompt.max())
        if low < 0 or high >= self._vocabulary:
            raise InvalidRequest(
                f"the prompt for model '{model}' must hold tokens from 0 to {self._vocabulary - 1}, got "
                f"{low if low < 0 else high}"
            )
        if p.n > self._sequences:
            raise InvalidRequest(f"parameter 'n' must be at most {self._sequences} for '{model}', got {p.n}")

    def _room(self, model: str, prompt: int, p: Parameters) -> int:
        """Most tokens of each answer: what was asked for, or what context and cache hold."""
        pool = self._cache.pool
        if p.max_tokens is None:
            most = min(self._context - prompt, answer_within(pool.count, prompt, p.n, pool.size))
            asked = max(most, p.longest + 1)
        else:
            asked = p.max_tokens
        if prompt + asked > self._context:
            raise InvalidRequest(
                f"{prompt} tokens of prompt and {asked} of answer are more than the context of {self._context} of "
                f"model '{model}'"
            )
        needed = blocks_of_choices(prompt, asked, p.n, pool.size)
        if needed > pool.count:
            raise InvalidRequest(f"{needed} KV-cache blocks are needed at most, and model '{model}' has {pool.count}")
        return asked

    def _sequence(
        self,
        p: Parameters,
        tokens: Array,
        prompt: int,
        room: int,
        chain: Chain,
        index: int,
        seed: int,
        given: Many[int] = (),
    ) -> Sequence:
        endings = [*(() if p.ignore_eos else self._ends), *p.stop_token_ids] if p.min_tokens else []
        choice = Choice(p, tokens[:prompt], endings, index, seed)
        answer = Answer(index, p, self._ends, self._detokenizer)
        for token in given:
            choice.add(token)
            answer.recall(token)
        return Sequence(tokens, prompt + len(given), room, chain, choice, answer)
