"""Tokens out of logits, for all rows at once and for each as if it were alone: in NumPy and in each native set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from jackfield import Array
from jackfield_plugins.generation.native.sampler import NativeSampler
from jackfield_plugins.generation.parameters import Parameters
from jackfield_plugins.generation.sampling.adjust import adjust, restore
from jackfield_plugins.generation.sampling.choice import Choice, seed_of
from jackfield_plugins.generation.sampling.logprobs import Likelihood
from jackfield_plugins.generation.sampling.sampler import NumpySampler, Sampler
from tests.plugins.generation.native.kernels import sets

VOCABULARY = 300
PROMPT = np.array([1, 2, 3, 3], np.int32)


@pytest.fixture(params=[pytest.param(None, id="numpy"), *sets()])
def sampler(request: pytest.FixtureRequest) -> Iterator[Sampler]:
    """Each implementation."""
    made = NumpySampler() if request.param is None else NativeSampler(VOCABULARY, 2, request.param)
    yield made
    made.close()


def _choice(endings: tuple[int, ...] = (), said: tuple[int, ...] = (), seed: int = 0, **given: Any) -> Choice:
    p = Parameters(**given)
    choice = Choice(p, PROMPT, endings, 0, seed)
    for token in said:
        choice.add(token)
    return choice


def _logits(rows: int, seed: int = 0) -> Array:
    return (np.random.default_rng(seed).standard_normal((rows, VOCABULARY)) * 2).astype(np.float32)


def _one(sampler: Sampler, logits: Array, choice: Choice) -> int:
    tokens, _, faults = sampler.choose(logits[None], np.zeros(1, np.int64), [choice], choice.plain)
    assert not faults
    return int(tokens[0])


def _adjusted(logits: Array, said: list[int], p: Parameters) -> Array:
    """As the OpenAI API and the paper on CTRL define it, token by token in float64."""
    out = logits.astype(np.float64)
    for token in set(PROMPT.tolist()) | set(said):
        out[token] = out[token] / p.repetition_penalty if out[token] > 0 else out[token] * p.repetition_penalty
    for token in set(said):
        out[token] -= p.frequency_penalty * said.count(token) + p.presence_penalty
    for token, bias in p.logit_bias.items():
        out[token] += bias
    return out


def test_greedy_is_the_likeliest(sampler: Sampler) -> None:
    logits = _logits(8)
    choices = [_choice(temperature=0.0) for _ in range(8)]
    tokens, likely, faults = sampler.choose(logits, np.arange(8), choices, True)
    assert tokens.tolist() == logits.argmax(1).tolist()
    assert (likely, faults) == (None, {})


def test_each_row_is_chosen_as_if_it_were_alone(sampler: Sampler) -> None:
    logits = _logits(40)
    before = logits.copy()
    kinds: list[dict[str, Any]] = [
        {"temperature": 0.0},
        {"temperature": 0.8},
        {"temperature": 1.5, "top_k": 5},
        {"temperature": 1.0, "top_p": 0.7, "min_p": 0.02},
        {"temperature": 0.0, "repetition_penalty": 1.7, "frequency_penalty": 1.0, "presence_penalty": -0.5},
        {"temperature": 1.0, "logit_bias": {7: 5.0, 9: -100.0}},
        {"temperature": 0.0, "min_tokens": 9, "logprobs": 2},
    ]
    endings = (int(logits[6].argmax()), 5)

    def made() -> list[Choice]:
        said = tuple(np.random.default_rng(3).integers(0, VOCABULARY, 6).tolist())
        return [_choice(endings, said[: n % 7], seed=n % 5, **kinds[n % len(kinds)]) for n in range(40)]

    tokens, likely, _ = sampler.choose(logits, np.arange(40), made(), False)
    alone = [sampler.choose(logits[n : n + 1], np.zeros(1, np.int64), [one], one.plain) for n, one in enumerate(made())]
    assert tokens.tolist() == [int(one[0][0]) for one in alone]
    assert likely is not None
    assert likely == [one[1][0] if one[1] else None for one in alone]
    order = np.random.default_rng(0).permutation(40)
    shuffled, _, _ = sampler.choose(logits, np.sort(order[:20]), [made()[n] for n in np.sort(order[:20])], False)
    assert shuffled.tolist() == tokens[np.sort(order[:20])].tolist()
    assert (logits == before).all()
    assert tokens[6] not in endings


@pytest.mark.parametrize("seed", range(6))
def test_penalties_and_biases_are_as_defined(sampler: Sampler, seed: int) -> None:
    logits = _logits(1, seed)[0]
    draw = np.random.default_rng(seed)
    said = draw.integers(0, 40, 90).tolist()  # more tokens than there is room for at first
    given: dict[str, Any] = {
        "repetition_penalty": float(draw.uniform(0.5, 2)),
        "presence_penalty": float(draw.uniform(-2, 2)),
        "frequency_penalty": float(draw.uniform(-2, 2)),
        "logit_bias": {int(token): float(draw.uniform(-9, 9)) for token in draw.integers(0, VOCABULARY, 9)},
    }
    expected = _adjusted(logits, said, Parameters(**given))
    choice = _choice(said=tuple(said), temperature=0.0, **given)
    assert _one(sampler, logits, choice) == int(expected.argmax())
    row = logits[None].copy()
    assert choice.adjustments is not None
    undo = adjust(row, [(0, choice.adjustments, choice.said)])
    assert np.allclose(row[0], expected, atol=1e-4)
    restore(row, undo)
    assert (row[0] == logits).all()


def test_a_seed_comes_again_and_each_place_and_choice_has_its_own_chance(sampler: Sampler) -> None:
    logits = np.zeros(VOCABULARY, np.float32)

    def said(seed: int, lane: int) -> list[int]:
        choice = Choice(Parameters(), PROMPT, (), lane, seed)
        tokens = []
        for _ in range(8):
            tokens.append(_one(sampler, logits, choice))
            choice.add(tokens[-1])
        return tokens

    assert said(7, 0) == said(7, 0)
    assert len({tuple(said(seed, lane)) for seed in (7, 8, -1, 2**63) for lane in (0, 1)}) == 8
    assert len(set(said(7, 0))) > 4
    assert seed_of(Parameters(seed=5)) == 5
    assert seed_of(Parameters()) != seed_of(Parameters())


def test_an_ending_is_banned_until_enough_was_said(sampler: Sampler) -> None:
    logits = _logits(1)[0]
    best = int(logits.argmax())
    choice = _choice((best,), temperature=0.0, min_tokens=2)
    assert _one(sampler, logits, choice) != best
    choice.add(0)
    assert _one(sampler, logits, choice) != best
    choice.add(0)
    assert _one(sampler, logits, choice) == best


def test_likelihoods_are_the_softmax_of_what_the_model_says(sampler: Sampler) -> None:
    logits = _logits(1)[0]
    exact = logits.astype(np.float64) - np.log(np.exp(logits.astype(np.float64)).sum())

    def likelihood(token: int, count: int) -> Likelihood:
        (found,) = sampler.likelihoods(logits[None], np.zeros(1, np.int64), np.array([token]), count)
        return found

    found = likelihood(17, 4)
    order = np.argsort(-logits, kind="stable")[:4]
    assert found.logprob == pytest.approx(exact[17], abs=1e-5)
    assert [token for token, _ in found.top] == order.tolist()
    assert [logprob for _, logprob in found.top] == pytest.approx(exact[order].tolist(), abs=1e-5)
    assert likelihood(17, 0).top == ()
    assert len(likelihood(17, 1000).top) == VOCABULARY
    changed = _choice(temperature=2.0, logit_bias={3: 50.0}, logprobs=1, seed=1)
    _, likely, _ = sampler.choose(logits[None], np.zeros(1, np.int64), [changed], False)
    assert likely is not None
    assert likely[0] is not None
    assert likely[0].token == 3
    assert likely[0].logprob == pytest.approx(exact[3], abs=1e-5)


def test_several_choices_can_share_a_row(sampler: Sampler) -> None:
    logits = _logits(2)
    before = logits.copy()
    kinds: list[dict[str, Any]] = [{}, {"repetition_penalty": 1.4}, {"logit_bias": {3: 9.0}}, {"temperature": 0.0}, {}]
    for rows in ([0, 1, 1, 1, 1], [1, 1]):  # the latter: as many as there are rows of logits
        choices = [Choice(Parameters(**kinds[n]), PROMPT, (), n, 1) for n in range(len(rows))]
        tokens, _, _ = sampler.choose(logits, np.array(rows), choices, False)
        assert tokens.tolist() == [_one(sampler, logits[row], one) for row, one in zip(rows, choices, strict=True)]
    assert (logits == before).all()


def test_logits_that_nobody_may_write_to(sampler: Sampler) -> None:
    logits = _logits(2)
    choices = [_choice(temperature=0.0, logit_bias={7: 90.0}) for _ in range(2)]
    before = logits.copy()
    logits.flags.writeable = False
    assert sampler.choose(logits, np.arange(2), choices, False)[0].tolist() == [7, 7]
    assert (logits == before).all()


def test_logits_that_are_no_numbers_fail_their_row_alone(sampler: Sampler) -> None:
    logits = _logits(4)
    logits[1, 5] = np.nan
    logits[2] = -np.inf
    before = logits.copy()
    more: list[dict[str, Any]] = [
        {"logit_bias": {1: 1.0}},
        {"logprobs": 2, "temperature": 0.0},
        {"top_p": 0.5, "top_k": 3},
    ]
    for given in ({"temperature": 0.0}, {"temperature": 1.0}, *more):
        choices = [_choice(**given) for _ in range(4)]
        _, likely, faults = sampler.choose(logits, np.arange(4), choices, choices[0].plain)
        assert set(faults) == {1, 2}
        assert str(faults[1]) == "the model gave logits that are not numbers"
        assert likely is None or [one is None for one in likely] == [False, True, True, False]
    assert np.array_equal(logits, before, equal_nan=True)
    found = sampler.likelihoods(logits, np.arange(4), np.zeros(4, np.int64), 1)
    assert [bool(np.isnan(one.logprob)) for one in found] == [False, True, True, False]
