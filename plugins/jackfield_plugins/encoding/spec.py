"""What an encoder is made of, whatever its weights are called in their file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jackfield_plugins.generation.spec import Linear, Weight

Activation = Literal["gelu", "gelu_tanh", "relu"]
Pooling = Literal["mean", "cls", "max", "last"]
"""How the rows of a text's tokens become one: their mean, the first, the largest in each place, the last."""


@dataclass(frozen=True, slots=True, eq=False)
class Norm:
    """Layer norm (Ba, Kiros and Hinton, 2016): weight and bias, both [hidden]."""

    weight: Weight
    bias: Weight


@dataclass(frozen=True, slots=True, eq=False)
class EncoderLayer:
    """Attention of every token to every other, and a network of two linears: each added to what came in, then normed
    (Vaswani et al., 2017; Devlin et al., 2018)."""

    query: Linear
    key: Linear
    value: Linear
    output: Linear
    attention_norm: Norm
    up: Linear
    down: Linear
    feed_forward_norm: Norm


@dataclass(frozen=True, slots=True, eq=False)
class EncoderSpec:
    """A whole encoder. `words`: [vocabulary, hidden]. `positions`: [positions, hidden], of which a text's first token
    has the one at `first_position`. `kinds`: [kinds, hidden], of which texts that come alone have the first; None: it
    has none. `context`: most tokens of a text."""

    architecture: str
    words: Weight
    positions: Weight
    kinds: Weight | None
    norm: Norm
    layers: tuple[EncoderLayer, ...]
    hidden: int
    heads: int
    feed_forward: int
    vocabulary: int
    context: int
    first_position: int
    epsilon: float
    activation: Activation
