"""A decoder out of settings and weights, by the names of its architecture. Every weight is checked for its shape."""

from __future__ import annotations

import re
from collections.abc import Mapping

from jackfield.errors import LoadError
from jackfield_plugins.generation.architectures.architecture import Architecture
from jackfield_plugins.generation.architectures.settings import Settings
from jackfield_plugins.generation.checkpoints.dequantise import check_stored
from jackfield_plugins.generation.checkpoints.weights import Weights
from jackfield_plugins.generation.spec import DecoderSpec, Layer, Linear, Weight

_UNUSED = re.compile(r"rotary_emb\.|rope_freqs|\.attn_rot_embd|masked_bias|rope_factors")
"""Tensors that some checkpoints carry beside the weights; what they hold is computed from the configuration."""


def build(architecture: Architecture, settings: Settings, weights: Weights, names: Mapping[str, str]) -> DecoderSpec:
    """Put a decoder together. Raises LoadError naming the file and the tensor that is missing, has another shape, is
    stored as nobody can read it, or has no place in the architecture."""
    made = _Builder(architecture, settings, weights, names).spec()
    for weight in weights.left():
        if not _UNUSED.search(weight) and weight != f"{names['head']}.weight":
            raise LoadError(
                f"'{weights.source}' holds a tensor '{weight}', for which '{architecture.name}' has no place"
            )
    return made


class _Builder:
    def __init__(
        self, architecture: Architecture, settings: Settings, weights: Weights, names: Mapping[str, str]
    ) -> None:
        self._architecture, self._settings, self._weights, self._names = architecture, settings, weights, names
        self._readable: set[str] = set()

    def spec(self) -> DecoderSpec:
        settings, names = self._settings, self._names
        embedding = self._take(f"{names['embedding']}.weight", settings.vocabulary, settings.hidden)
        head = f"{names['head']}.weight"
        own = head in self._weights if settings.tied is None else not settings.tied
        return DecoderSpec(
            architecture=self._architecture.name,
            layers=tuple(self._layer(layer) for layer in range(settings.layers)),
            embedding=embedding,
            norm=self._take(f"{names['norm']}.weight", settings.hidden),
            head=Linear(self._take(head, settings.vocabulary, settings.hidden) if own else embedding),
            hidden=settings.hidden,
            heads=settings.heads,
            key_value_heads=settings.key_value_heads,
            head_size=settings.head_size,
            feed_forward=settings.feed_forward,
            vocabulary=settings.vocabulary,
            context=settings.context,
            epsilon=settings.epsilon,
            rope=settings.rope,
        )

    def _layer(self, layer: int) -> Layer:
        settings = self._settings
        hidden, wide = settings.hidden, settings.feed_forward
        queries, keys = settings.heads * settings.head_size, settings.key_value_heads * settings.head_size
        normed = self._architecture.head_norms
        return Layer(
            attention_norm=self._norm("attention_norm", layer, hidden),
            query=self._linear("query", layer, queries, hidden),
            key=self._linear("key", layer, keys, hidden),
            value=self._linear("value", layer, keys, hidden),
            output=self._linear("output", layer, hidden, queries),
            feed_forward_norm=self._norm("feed_forward_norm", layer, hidden),
            gate=self._linear("gate", layer, wide, hidden),
            up=self._linear("up", layer, wide, hidden),
            down=self._linear("down", layer, hidden, wide),
            query_norm=self._norm("query_norm", layer, settings.head_size) if normed else None,
            key_norm=self._norm("key_norm", layer, settings.head_size) if normed else None,
            window=settings.windows[layer],
        )

    def _norm(self, role: str, layer: int, size: int) -> Weight:
        return self._take(f"{self._names[role].format(layer=layer)}.weight", size)

    def _linear(self, role: str, layer: int, outputs: int, inputs: int) -> Linear:
        name = self._names[role].format(layer=layer)
        biases = self._settings.biases
        if biases is None:  # GGUF does not say: what may have a bias has one if it is there
            may = {role for roles in self._architecture.biases_if.values() for role in roles}
            biased = role in self._architecture.biases or (role in may and f"{name}.bias" in self._weights)
        else:
            biased = role in biases
        bias = self._take(f"{name}.bias", outputs) if biased else None
        return Linear(self._take(f"{name}.weight", outputs, inputs), bias)

    def _take(self, name: str, *shape: int) -> Weight:
        weight = self._weights.take(name, shape)
        if weight.stored not in self._readable:
            check_stored(weight, self._weights.source)
            self._readable.add(weight.stored)
        return weight
