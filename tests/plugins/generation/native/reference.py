"""Small random decoders, and what they compute, in float64 NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jackfield import Array
from jackfield_plugins.generation.decoder import TokenRows
from jackfield_plugins.generation.native import NativeDecoder
from jackfield_plugins.generation.spec import DecoderSpec, Layer, Linear, Rope, Weight
from tests.plugins.generation.native.kernels import floats, stored_at_random


@dataclass(frozen=True)
class Kind:
    """What varies between decoders of the family."""

    stored: str = "F32"
    hidden: int = 96
    heads: int = 6
    key_value_heads: int = 2
    head_size: int = 32
    feed_forward: int = 160
    biases: bool = False
    norms: bool = False
    tied: bool = False
    windows: tuple[int, ...] = (0, 0)
    style: Literal["halves", "pairs"] = "halves"
    factor: float = 1.0


def decoder_of(kind: Kind, seed: int = 0) -> DecoderSpec:
    """A specification with random weights of a sensible size."""
    random = np.random.default_rng(seed)

    def vector(size: int, around: float) -> Weight:
        values = (around + 0.2 * random.standard_normal(size)).astype(np.float32)
        return Weight("vector", (size,), "F32", values.view(np.uint8))

    def linear(outputs: int, inputs: int, bias: bool = False) -> Linear:
        step = 0.1 if kind.stored == "Q4_1" else 0.013  # so that outputs are as large as inputs, or a little smaller
        weight = stored_at_random(kind.stored, outputs, inputs, random, step / float(np.sqrt(inputs)))
        if kind.stored in ("F32", "F16"):
            number = np.float32 if kind.stored == "F32" else np.float16
            values = (weight.data.view(number) / np.sqrt(inputs)).astype(number)
            weight = Weight("linear", weight.shape, kind.stored, values.view(np.uint8))
        return Linear(weight, vector(outputs, 0) if bias else None)

    q, kv = kind.heads * kind.head_size, kind.key_value_heads * kind.head_size
    layers = tuple(
        Layer(
            attention_norm=vector(kind.hidden, 1),
            query=linear(q, kind.hidden, kind.biases),
            key=linear(kv, kind.hidden, kind.biases),
            value=linear(kv, kind.hidden, kind.biases),
            output=linear(kind.hidden, q),
            feed_forward_norm=vector(kind.hidden, 1),
            gate=linear(kind.feed_forward, kind.hidden),
            up=linear(kind.feed_forward, kind.hidden),
            down=linear(kind.hidden, kind.feed_forward),
            query_norm=vector(kind.head_size, 1) if kind.norms else None,
            key_norm=vector(kind.head_size, 1) if kind.norms else None,
            window=window,
        )
        for window in kind.windows
    )
    embedding, head = (linear(101, kind.hidden) for _ in range(2))
    frequencies = (1 / 1000.0 ** (np.arange(0, kind.head_size, 2) / kind.head_size)).astype(np.float32)
    sizes = (kind.hidden, kind.heads, kind.key_value_heads, kind.head_size, kind.feed_forward, 101, 512)
    ends = (embedding.weight, vector(kind.hidden, 1), embedding if kind.tied else head)
    return DecoderSpec("llama", layers, *ends, *sizes, 1e-5, Rope(frequencies, kind.factor, kind.style))


def logits(spec: DecoderSpec, tokens: Sequence[int]) -> Array:
    """Of every position of one sequence, float64 [tokens, vocabulary]."""
    x = floats(spec.embedding)[list(tokens)].astype(np.float64)
    for layer in spec.layers:
        x = x + attention(spec, layer, normed(x, layer.attention_norm, spec.epsilon))
        y = normed(x, layer.feed_forward_norm, spec.epsilon)
        gate = product(layer.gate, y)
        x = x + product(layer.down, gate / (1 + np.exp(-gate)) * product(layer.up, y))
    return product(spec.head, normed(x, spec.norm, spec.epsilon))


def plain(weight: Weight) -> Array:
    """A float32 vector's numbers."""
    return weight.data.reshape(-1).view(np.float32).astype(np.float64)


def normed(x: Array, weight: Weight, epsilon: float) -> Array:
    """RMS norm over the last axis."""
    result: Array = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + epsilon) * plain(weight)
    return result


def product(linear: Linear, x: Array) -> Array:
    """The linear's outputs."""
    out: Array = x @ floats(linear.weight).astype(np.float64).T
    return out if linear.bias is None else out + plain(linear.bias)


def attention(spec: DecoderSpec, layer: Layer, x: Array) -> Array:
    """Self-attention of a whole sequence."""
    count, size = len(x), spec.head_size
    q, k, v = (product(part, x).reshape(count, -1, size) for part in (layer.query, layer.key, layer.value))
    if layer.query_norm is not None and layer.key_norm is not None:
        q, k = normed(q, layer.query_norm, spec.epsilon), normed(k, layer.key_norm, spec.epsilon)
    q, k = rotated(spec.rope, q), rotated(spec.rope, k)
    k, v = (array.repeat(spec.heads // spec.key_value_heads, axis=1) for array in (k, v))
    scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(size)
    back = np.arange(count)[:, None] - np.arange(count)[None]
    scores = np.where((back >= 0) & ((back < layer.window) | (layer.window == 0)), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return product(layer.output, np.einsum("hqk,khd->qhd", weights, v).reshape(count, -1))


def rotated(rope: Rope, x: Array) -> Array:
    """Rotary positions of [tokens, heads, size]."""
    angle = np.arange(len(x))[:, None, None] * rope.frequencies.astype(np.float64)
    cosine, sine = np.cos(angle) * rope.factor, np.sin(angle) * rope.factor
    size = x.shape[-1]
    first = np.arange(0, size, 2) if rope.style == "pairs" else np.arange(size // 2)
    second = first + 1 if rope.style == "pairs" else first + size // 2
    out = np.empty_like(x)
    out[..., first] = x[..., first] * cosine - x[..., second] * sine
    out[..., second] = x[..., second] * cosine + x[..., first] * sine
    return out


def run(decoder: NativeDecoder, tables: Array, *parts: tuple[int, int, Sequence[int]]) -> list[Array]:
    """One step of (line, first position, tokens); gives each part's logits, all rows of them."""
    counts = [len(tokens) for _, _, tokens in parts]
    tokens = np.concatenate([np.array(part[2], np.int32) for part in parts])
    positions = np.concatenate([np.arange(part[1], part[1] + len(part[2]), dtype=np.int32) for part in parts])
    lines = np.repeat(np.array([part[0] for part in parts], np.int32), counts)
    every = np.arange(len(tokens), dtype=np.int32)
    out = decoder.run(TokenRows(tokens, positions, lines, tables, every)).copy()
    return np.split(out, np.cumsum(counts)[:-1])
