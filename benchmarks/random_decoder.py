"""A decoder in SmolLM2-135M's shape whose weights are random: what a step costs does not depend on their values."""

from __future__ import annotations

import numpy as np

from jackfield_plugins.generation.spec import DecoderSpec, Layer, Linear, Rope, Weight

HIDDEN, FEED_FORWARD, HEADS, KEY_VALUE_HEADS, HEAD_SIZE, VOCABULARY, LAYERS = 576, 1536, 9, 3, 64, 49152, 30


def random_decoder(seed: int = 0) -> DecoderSpec:
    """Linears in Q4_1, embedding and head in Q8_0, as in the GGUF of SmolLM2-135M-Instruct."""
    random = np.random.default_rng(seed)

    def halves(shape: tuple[int, ...], value: float) -> np.ndarray:
        return np.full(shape, value, np.float16).view(np.uint8).reshape(*shape, 2)

    def four(outputs: int, inputs: int) -> Linear:
        groups = (outputs, inputs // 32)
        codes = random.integers(0, 256, (*groups, 16), dtype=np.uint8)
        step = 0.1 / inputs**0.5
        data = np.concatenate([halves(groups, step), halves(groups, -7.5 * step), codes], axis=2)
        return Linear(Weight("linear", (outputs, inputs), "Q4_1", data.reshape(outputs, -1)))

    def eight(outputs: int, inputs: int) -> Weight:
        groups = (outputs, inputs // 32)
        codes = random.integers(0, 256, (*groups, 32), dtype=np.uint8)
        data = np.concatenate([halves(groups, 0.0003), codes], axis=2)
        return Weight("embedding", (outputs, inputs), "Q8_0", data.reshape(outputs, -1))

    ones = Weight("norm", (HIDDEN,), "F32", np.ones(HIDDEN, np.float32).view(np.uint8))
    layers = tuple(
        Layer(
            attention_norm=ones,
            query=four(HEADS * HEAD_SIZE, HIDDEN),
            key=four(KEY_VALUE_HEADS * HEAD_SIZE, HIDDEN),
            value=four(KEY_VALUE_HEADS * HEAD_SIZE, HIDDEN),
            output=four(HIDDEN, HEADS * HEAD_SIZE),
            feed_forward_norm=ones,
            gate=four(FEED_FORWARD, HIDDEN),
            up=four(FEED_FORWARD, HIDDEN),
            down=four(HIDDEN, FEED_FORWARD),
        )
        for _ in range(LAYERS)
    )
    embedding = eight(VOCABULARY, HIDDEN)
    frequencies = (1.0 / 100000 ** (np.arange(0, HEAD_SIZE, 2) / HEAD_SIZE)).astype(np.float32)
    return DecoderSpec(
        architecture="llama",
        layers=layers,
        embedding=embedding,
        norm=ones,
        head=Linear(embedding),
        hidden=HIDDEN,
        heads=HEADS,
        key_value_heads=KEY_VALUE_HEADS,
        head_size=HEAD_SIZE,
        feed_forward=FEED_FORWARD,
        vocabulary=VOCABULARY,
        context=8192,
        epsilon=1e-5,
        rope=Rope(frequencies, style="pairs"),
    )
