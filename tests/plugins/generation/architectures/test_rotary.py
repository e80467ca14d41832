"""Frequencies against those of transformers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from jackfield_plugins.generation.architectures.rotary import from_config, plain
from jackfield_plugins.generation.architectures.settings import Reader

factors = st.floats(1, 64)
SCALINGS = st.one_of(
    st.fixed_dictionaries({"rope_type": st.just("linear"), "factor": factors}),
    st.fixed_dictionaries({"rope_type": st.just("dynamic"), "factor": factors}),
    st.fixed_dictionaries(
        {
            "rope_type": st.just("llama3"),
            "factor": factors,
            "low_freq_factor": st.floats(0.5, 2),
            "high_freq_factor": st.floats(2.5, 8),
            "original_max_position_embeddings": st.sampled_from([512, 4096, 8192]),
        }
    ),
    st.fixed_dictionaries(
        {
            "rope_type": st.just("yarn"),
            "factor": factors,
            "original_max_position_embeddings": st.sampled_from([512, 4096, 32768]),
        },
        optional={
            "beta_fast": st.floats(8, 64),
            "beta_slow": st.floats(0.5, 4),
            "attention_factor": st.floats(0.5, 2),
            "truncate": st.booleans(),
            "mscale": st.floats(0.5, 2),
            "mscale_all_dim": st.floats(0.5, 2),
        },
    ),
)


@settings(deadline=None)
@given(scaling=SCALINGS, theta=st.sampled_from([1e4, 1e5, 5e5, 1e6]), size=st.sampled_from([16, 64, 80, 128]))
def test_every_scaling_is_that_of_transformers(scaling: dict[str, Any], theta: float, size: int) -> None:
    parameters = {**scaling, "rope_theta": theta}
    config = transformers.LlamaConfig(
        hidden_size=4 * size,
        num_attention_heads=4,
        head_dim=size,
        max_position_embeddings=131072,
        rope_parameters=parameters,
    )
    wanted, attention = ROPE_INIT_FUNCTIONS[scaling["rope_type"]](config, "cpu")
    values = {"rope_parameters": parameters, "max_position_embeddings": 131072}
    rope, context = from_config(Reader(values, "m"), size, 131072)
    assert rope.frequencies.dtype == np.float32
    np.testing.assert_allclose(rope.frequencies, wanted.numpy(), rtol=2e-5)
    assert rope.factor == pytest.approx(attention)
    assert context >= 131072


def test_no_scaling_at_all() -> None:
    rope, context = from_config(Reader({}, "m"), 64, 2048)
    np.testing.assert_array_equal(rope.frequencies, plain(64, 10000.0))
    assert (rope.factor, rope.style, context) == (1.0, "halves", 2048)
    assert rope.frequencies[0] == 1
    assert rope.frequencies[-1] == pytest.approx(10000 ** (-62 / 64))


def test_yarn_lengthens_the_context() -> None:
    values = {"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}}
    assert from_config(Reader(values, "m"), 64, 32768)[1] == 131072
