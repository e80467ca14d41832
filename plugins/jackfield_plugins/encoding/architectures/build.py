"""An encoder out of settings and weights, by the names of its architecture. Every weight is checked for its shape."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jackfield.errors import LoadError
from jackfield_plugins.encoding.architectures.settings import EncoderSettings
from jackfield_plugins.encoding.spec import EncoderLayer, EncoderSpec, Norm
from jackfield_plugins.generation.checkpoints.dequantise import check_stored
from jackfield_plugins.generation.checkpoints.weights import Weights
from jackfield_plugins.generation.spec import Linear, Weight

if TYPE_CHECKING:
    from jackfield_plugins.encoding.architectures.architecture import EncoderArchitecture

_COUNTED = re.compile(r"(^|\.)embeddings\.position_ids$")
"""What older checkpoints hold beside the weights: the numbers from 0 on."""
_OLD = {"weight": "gamma", "bias": "beta"}
"""What the oldest checkpoints call the two parts of a norm."""


def build(architecture: EncoderArchitecture, settings: EncoderSettings, weights: Weights) -> EncoderSpec:
    """Put an encoder together. Raises LoadError naming the file and the tensor that is missing, has another shape, is
    stored as nobody can read it, or has no place in the architecture."""
    builder = _Builder(architecture, settings, weights)
    made = builder.spec()
    for name in weights.left():
        if not _COUNTED.search(name) and not name.removeprefix(builder.prefix).startswith(architecture.heads):
            raise LoadError(f"'{weights.source}' holds a tensor '{name}', for which '{architecture.name}' has no place")
    return made


class _Builder:
    def __init__(self, architecture: EncoderArchitecture, settings: EncoderSettings, weights: Weights) -> None:
        self._architecture, self._settings, self._weights = architecture, settings, weights
        with_head = f"{architecture.prefix}{architecture.names['words']}.weight" in weights
        self.prefix = architecture.prefix if with_head else ""

    def spec(self) -> EncoderSpec:
        settings = self._settings
        hidden = settings.hidden
        return EncoderSpec(
            architecture=self._architecture.name,
            words=self._take("words", settings.vocabulary, hidden),
            positions=self._take("positions", settings.positions, hidden),
            kinds=self._take("kinds", settings.kinds, hidden) if settings.kinds else None,
            norm=self._norm("norm"),
            layers=tuple(self._layer(layer) for layer in range(settings.layers)),
            hidden=hidden,
            heads=settings.heads,
            feed_forward=settings.feed_forward,
            vocabulary=settings.vocabulary,
            context=settings.context,
            first_position=settings.first_position,
            epsilon=settings.epsilon,
            activation=settings.activation,
        )

    def _layer(self, layer: int) -> EncoderLayer:
        hidden, wide = self._settings.hidden, self._settings.feed_forward
        return EncoderLayer(
            query=self._linear("query", layer, hidden, hidden),
            key=self._linear("key", layer, hidden, hidden),
            value=self._linear("value", layer, hidden, hidden),
            output=self._linear("output", layer, hidden, hidden),
            attention_norm=self._norm("attention_norm", layer),
            up=self._linear("up", layer, wide, hidden),
            down=self._linear("down", layer, hidden, wide),
            feed_forward_norm=self._norm("feed_forward_norm", layer),
        )

    def _linear(self, role: str, layer: int, outputs: int, inputs: int) -> Linear:
        return Linear(self._take(role, outputs, inputs, layer=layer), self._bias(role, outputs, layer))

    def _norm(self, role: str, layer: int = 0) -> Norm:
        hidden = self._settings.hidden
        return Norm(self._take(role, hidden, layer=layer), self._bias(role, hidden, layer))

    def _bias(self, role: str, size: int, layer: int) -> Weight:
        return self._take(role, size, layer=layer, part="bias")

    def _take(self, role: str, *shape: int, layer: int = 0, part: str = "weight") -> Weight:
        name = self.prefix + self._architecture.names[role].format(layer=layer)
        old = f"{name}.{_OLD[part]}"
        weight = self._weights.take(old if old in self._weights else f"{name}.{part}", shape)
        check_stored(weight, self._weights.source)
        return weight
