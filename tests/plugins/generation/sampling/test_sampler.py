"""Tokens out of logits, for all rows at once and for each as if it were alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jackfield import Array
from jackfield_plugins.generation.parameters import Parameters
from jackfield_plugins.generation.sampling.adjust import adjust
from jackfield_plugins.generation.sampling.logprobs import likelihood
from jackfield_plugins.generation.sampling.sampler import Choice, choose, seed_of

VOCABULARY = 300
PROMPT = np.array([1, 2, 3, 3], np.int32)


def _choice(endings: tuple[int, ...] = (), said: tuple[int, ...] = (), seed: int = 0, **given: Any) -> Choice:
    p = Parameters(**given)
    choice = Choice(p, PROMPT, endings, 0, seed)
    for token in said:
        choice.add(token)
    return choice


def _logits(rows: int, seed: int = 0) -> Array:
    return (np.random.default_rng(seed).standard_normal((rows, VOCABULARY)) * 2).astype(np.float32)


def _one(logits: Array, choice: Choice) -> int:
    tokens, _, faults = choose(logits[None], np.zeros(1, np.int64), [choice], choice.plain)
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


def test_greedy_is_the_likeliest() -> None:
    logits = _logits(8)
    choices = [_choice(temperature=0.0) for _ in range(8)]
    tokens, likely, faults = choose(logits, np.arange(8), choices, True)
    assert tokens.tolist() == logits.argmax(1).tolist()
    assert (likely, faults) == (None, {})


def test_each_row_is_chosen_as_if_it_were_alone() -> None:
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

    tokens, likely, _ = choose(logits, np.arange(40), made(), False)
    alone = [choose(logits[n : n + 1], np.zeros(1, np.int64), [one], one.plain) for n, one in enumerate(made())]
    assert tokens.tolist() == [int(one[0][0]) for one in alone]
    assert likely is not None
    assert likely == [one[1][0] if one[1] else None for one in alone]
    order = np.random.default_rng(0).permutation(40)
    shuffled, _, _ = choose(logits, np.sort(order[:20]), [made()[n] for n in np.sort(order[:20])], False)
    assert shuffled.tolist() == tokens[np.sort(order[:20])].tolist()
    assert (logits == before).all()
    assert tokens[6] not in endings


@pytest.mark.parametrize("seed", range(6))
def test_penalties_and_biases_are_as_defined(seed: int) -> None:
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
    assert _one(logits, choice) == int(expected.argmax())
    row = logits[None].copy()
    assert choice.adjustments is not None
    adjust(row, [(choice.adjustments, choice.said)])
    assert np.allclose(row[0], expected, atol=1e-4)


def test_a_seed_comes_again_and_each_place_and_choice_has_its_own_chance() -> None:
    logits = np.zeros(VOCABULARY, np.float32)

    def said(seed: int, lane: int) -> list[int]:
        choice = Choice(Parameters(), PROMPT, (), lane, seed)
        tokens = []
        for _ in range(8):
            tokens.append(_one(logits, choice))
            choice.add(tokens[-1])
        return tokens

    assert said(7, 0) == said(7, 0)
    assert len({tuple(said(seed, lane)) for seed in (7, 8, -1, 2**63) for lane in (0, 1)}) == 8
    assert len(set(said(7, 0))) > 4
    assert seed_of(Parameters(seed=5)) == 5
    assert seed_of(Parameters()) != seed_of(Parameters())


def test_an_ending_is_banned_until_enough_was_said() -> None:
    logits = _logits(1)[0]
    best = int(logits.argmax())
    choice = _choice((best,), temperature=0.0, min_tokens=2)
    assert _one(logits, choice) != best
    choice.add(0)
    assert _one(logits, choice) != best
    choice.add(0)
    assert _one(logits, choice) == best


def test_likelihoods_are_the_softmax_of_what_the_model_says() -> None:
    logits = _logits(1)[0]
    exact = logits.astype(np.float64) - np.log(np.exp(logits.astype(np.float64)).sum())
    found = likelihood(logits, 17, 4)
    order = np.argsort(-logits, kind="stable")[:4]
    assert found.logprob == pytest.approx(exact[17], abs=1e-5)
    assert [token for token, _ in found.top] == order.tolist()
    assert [logprob for _, logprob in found.top] == pytest.approx(exact[order].tolist(), abs=1e-5)
    assert likelihood(logits, 17, 0).top == ()
    changed = _choice(temperature=2.0, logit_bias={3: 50.0}, logprobs=1, seed=1)
    _, likely, _ = choose(logits[None], np.zeros(1, np.int64), [changed], False)
    assert likely is not None
    assert likely[0] is not None
    assert likely[0].token == 3
    assert likely[0].logprob == pytest.approx(exact[3], abs=1e-5)


def test_several_choices_can_share_a_row() -> None:
    logits = _logits(2)
    choices = [Choice(Parameters(), PROMPT, (), lane, 1) for lane in range(5)]
    tokens, _, _ = choose(logits, np.array([0, 1, 1, 1, 1]), choices, False)
    assert tokens[0] == _one(logits[0], choices[0])
    assert tokens[4] == _one(logits[1], choices[4])


def test_logits_that_are_no_numbers_fail_their_row_alone() -> None:
    logits = _logits(4)
    logits[1, 5] = np.nan
    logits[2] = -np.inf
    for given in ({"temperature": 0.0}, {"temperature": 1.0}, {"logit_bias": {1: 1.0}}):
        choices = [_choice(**given) for _ in range(4)]
        _, _, faults = choose(logits, np.arange(4), choices, choices[0].plain)
        assert set(faults) == {1, 2}
        assert str(faults[1]) == "the model gave logits that are not numbers"
