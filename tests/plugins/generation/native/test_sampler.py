"""The native sampler gives what the one in NumPy does: the same tokens and likelihoods, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield import Array
from jackfield_plugins.generation.native import NotThere
from jackfield_plugins.generation.native import sampler as module
from jackfield_plugins.generation.native.sampler import NativeSampler, sampler_for
from jackfield_plugins.generation.parameters import Parameters
from jackfield_plugins.generation.sampling.choice import Choice
from jackfield_plugins.generation.sampling.sampler import NumpySampler
from tests.plugins.generation.native.kernels import sets

ROWS = 6
SHAPES = ("normal", "peaked", "flat", "equal", "masked", "whole")


def _logits(shape: str, size: int, seed: int) -> Array:
    random = np.random.default_rng(seed)
    logits = random.standard_normal((ROWS, size)) * {"peaked": 12, "flat": 0.01, "equal": 0}.get(shape, 3)
    if shape == "masked":
        logits[random.random((ROWS, size)) < 0.6] = -np.inf
        logits[:, size // 2] = -1.0
    if shape == "whole":  # many are the same
        logits = np.rint(logits)
    return logits.astype(np.float32)


def _choices(kind: dict[str, Any], size: int, seed: int) -> list[Choice]:
    random = np.random.default_rng(seed)
    choices = []
    for row in range(ROWS):
        choice = Choice(Parameters(**kind), random.integers(0, size, 9).astype(np.int32), (0, size - 1), row % 2, row)
        for token in random.integers(0, size, 3 * row).tolist():
            choice.add(token)
        choices.append(choice)
    return choices


KIND = st.fixed_dictionaries(
    {"temperature": st.sampled_from([0.0, 1e-6, 0.2, 0.8, 1.0, 3.0, 100.0])},
    optional={
        "top_k": st.sampled_from([1, 3, 40, 300, 5000]),
        "top_p": st.sampled_from([1e-9, 0.1, 0.5, 0.95, 0.9999999, float(np.nextafter(1, 0))]),
        "min_p": st.sampled_from([1e-15, 1e-5, 0.05, 0.9, 1.0]),
        "repetition_penalty": st.sampled_from([0.7, 1.3]),
        "presence_penalty": st.just(0.5),
        "frequency_penalty": st.just(-0.4),
        "logit_bias": st.just({0: 4.0, 1: -100.0}),
        "min_tokens": st.just(7),
        "logprobs": st.sampled_from([0, 1, 5, 20]),
    },
)


@pytest.mark.parametrize("number", sets())
@settings(deadline=None, derandomize=True, max_examples=250)
@given(
    kind=KIND,
    size=st.sampled_from([2, 16, 255, 256, 257, 1000, 5003]),
    shape=st.sampled_from(SHAPES),
    seed=st.integers(0, 10**6),
)
def test_tokens_are_those_of_numpy(number: int, kind: dict[str, Any], size: int, shape: str, seed: int) -> None:
    """Whatever is asked for, also where no vector of lanes is full and where many logits are equal."""
    logits, rows = _logits(shape, size, seed), np.arange(ROWS)
    before = logits.copy()
    native = NativeSampler(size, 2, number)
    try:
        own, other = _choices(kind, size, seed), _choices(kind, size, seed)
        for _ in range(2):
            tokens, likely, faults = native.choose(logits, rows, own, all(one.plain for one in own))
            expected = NumpySampler().choose(logits, rows, other, all(one.plain for one in other))
            assert tokens.tolist() == expected[0].tolist()
            assert likely == expected[1]
            assert set(faults) == set(expected[2])
            assert (logits == before).all()
            for one, same, token in zip(own, other, tokens.tolist(), strict=True):
                one.add(token)
                same.add(token)
    finally:
        native.close()


@pytest.mark.parametrize("number", sets())
def test_a_whole_vocabulary_with_many_said(number: int) -> None:
    """Chances that go round, penalties that grow past their first room, in steps that follow each other."""
    size = 49_152
    logits = (np.random.default_rng(0).standard_normal((ROWS, size)) * 3).astype(np.float32)
    kind: dict[str, Any] = {"temperature": 0.9, "top_p": 0.95, "frequency_penalty": 0.3, "logprobs": 3}
    native, plain = NativeSampler(size, 2, number), NumpySampler()
    own, other = _choices(kind, size, 1), _choices(kind, size, 1)
    said = set()
    for _ in range(120):
        tokens, likely, _ = native.choose(logits, np.arange(ROWS), own, False)
        expected = plain.choose(logits, np.arange(ROWS), other, False)
        assert tokens.tolist() == expected[0].tolist()
        assert likely == expected[1]
        for one, same, token in zip(own, other, tokens.tolist(), strict=True):
            one.add(token)
            same.add(token)
            said.add(token)
    assert len(said) > 200
    native.close()


def test_rows_that_lie_apart_and_in_any_order_of_threads() -> None:
    """A part of a wider array, as decoders give it; more threads than rows and fewer."""
    wide = np.full((9, 1024), 1e9, np.float32)
    wide[:, :1000] = np.random.default_rng(0).standard_normal((9, 1000)) * 3
    logits, rows = wide[:, :1000], np.array([1, 4, 5, 8])
    choices = [Choice(Parameters(top_p=0.9), np.zeros(1, np.int32), (), 0, seed) for seed in range(4)]
    expected = NumpySampler().choose(logits, rows, choices, False)[0].tolist()
    for threads in (1, 2, 7):
        native = NativeSampler(1000, threads)
        assert native.choose(logits, rows, choices, False)[0].tolist() == expected
        assert native.choose(logits.T.copy().T, rows, choices, False)[0].tolist() == expected
        none = native.choose(logits, np.zeros(0, np.int64), [], True)
        assert (none[0].tolist(), none[1:]) == ([], (None, {}))
        native.close()


def test_without_a_library_numpy_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tokens are the same, so nobody has to ask for one of them."""

    def missing() -> None:
        raise NotThere("it is not there")

    found = sampler_for(50, 20)
    assert found.name == "native"
    assert found.about in ("avx2, threads: 8", "avx512, threads: 8")
    monkeypatch.setattr(module, "library", missing)
    assert (sampler_for(50).name, sampler_for(50).about) == ("numpy", "it is not there")
