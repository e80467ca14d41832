"""What a layer does to rows, before its attention and after it. A row's numbers depend on that row alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor

from jackfield_plugins.encoding.spec import Activation, EncoderLayer, EncoderSpec
from jackfield_plugins.encoding.torch_encoder.weights import TorchLinear, TorchNorm

_ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "relu": F.relu,
}


class TorchLayer:
    """One layer of the BERT family."""

    def __init__(self, layer: EncoderLayer, spec: EncoderSpec) -> None:
        self._heads = TorchLinear(layer.query, layer.key, layer.value)
        self._output = TorchLinear(layer.output)
        self._up, self._down = TorchLinear(layer.up), TorchLinear(layer.down)
        self._attention_norm = TorchNorm(layer.attention_norm, spec.epsilon)
        self._feed_forward_norm = TorchNorm(layer.feed_forward_norm, spec.epsilon)
        self._activation = _ACTIVATIONS[spec.activation]

    def before(self, rows: Tensor) -> Tensor:
        """Queries, keys and values of `rows` ([rows, hidden]), beside each other: [rows, 3 * hidden]."""
        return self._heads(rows)

    def after(self, rows: Tensor, attended: Tensor) -> Tensor:
        """What the layer makes of `rows`, given what they attended to ([rows, hidden])."""
        rows = self._attention_norm(self._output(attended).add_(rows))
        wide = self._activation(self._up(rows))
        return self._feed_forward_norm(self._down(wide).add_(rows))
