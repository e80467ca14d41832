"""What a decoder is made of, whatever file it came from: the language between checkpoints and what runs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jackfield import Array


@dataclass(frozen=True, slots=True, eq=False)
class Weight:
    """A tensor as its checkpoint stores it, never converted on the way.

    `shape` counts elements, outputs first. `stored` is `F32`, `F16`, `BF16`, or a GGUF quantisation (`Q8_0`, `Q4_1`).
    `data` is uint8, [outputs, bytes of an output's row] ([bytes] for a vector), a read-only view of the mapped file.
    """

    name: str
    shape: tuple[int, ...]
    stored: str
    data: Array


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """outputs = weight · inputs (+ bias). `weight` is [outputs, inputs], `bias` [outputs]."""

    weight: Weight
    bias: Weight | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Rope:
    """Rotary positions. `frequencies`: float32 [head size / 2], radians a position, scalings included. `factor`
    multiplies sine and cosine. `style`: which elements turn together: `halves` (i, i + size/2) or `pairs` (2i, 2i + 1).
    """

    frequencies: Array
    factor: float = 1.0
    style: Literal["halves", "pairs"] = "halves"


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One layer of the Llama family: normed attention and a normed gated SiLU network, each added to what came in.

    `query_norm` and `key_norm` ([head size]) are RMS norms of each head before the rotation. `window`: how many
    positions back, itself included, a token attends to; 0 is all.
    """

    attention_norm: Weight
    query: Linear
    key: Linear
    value: Linear
    output: Linear
    feed_forward_norm: Weight
    gate: Linear
    up: Linear
    down: Linear
    query_norm: Weight | None = None
    key_norm: Weight | None = None
    window: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class DecoderSpec:
    """A whole decoder. `head` holds the embedding's own weight where the two are tied. `context`: most positions."""

    architecture: str
    layers: tuple[Layer, ...]
    embedding: Weight
    norm: Weight
    head: Linear
    hidden: int
    heads: int
    key_value_heads: int
    head_size: int
    feed_forward: int
    vocabulary: int
    context: int
    epsilon: float
    rope: Rope
