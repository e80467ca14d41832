"""What a layer does to rows, before its attention and after it. A row's numbers depend on that row alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from jackfield_plugins.generation.spec import DecoderSpec, Layer, Weight
from jackfield_plugins.generation.torch_decoder.rotation import Rotation
from jackfield_plugins.generation.torch_decoder.weights import Storage, TorchLinear, tensor_of


@dataclass(slots=True)
class Heads:
    """float32 [rows, heads, head size] for `queries`, [rows, KV heads, head size] for `keys` and `values`."""

    queries: Tensor
    keys: Tensor
    values: Tensor


class TorchLayer:
    """One layer of the Llama family on a device."""

    def __init__(self, layer: Layer, spec: DecoderSpec, storage: Storage, device: torch.device) -> None:
        def linear(name: str) -> TorchLinear:
            return TorchLinear(getattr(layer, name), storage, device)

        def norm(weight: Weight | None) -> Tensor | None:
            return None if weight is None else tensor_of(weight, device)

        self.window = layer.window
        self._size, self._epsilon = spec.head_size, spec.epsilon
        self._attention_norm, self._feed_forward_norm = norm(layer.attention_norm), norm(layer.feed_forward_norm)
        self._query_norm, self._key_norm = norm(layer.query_norm), norm(layer.key_norm)
        self._query, self._key, self._value, self._output = (linear(n) for n in ("query", "key", "value", "output"))
        self._gate, self._up, self._down = (linear(name) for name in ("gate", "up", "down"))

    def before(self, rows: Tensor, rotation: Rotation, angles: tuple[Tensor, Tensor]) -> Heads:
        """Queries, keys and values of `rows` ([rows, hidden]), turned to their positions."""
        normed = rms_norm(rows, self._attention_norm, self._epsilon)
        count = len(rows)
        queries, keys, values = (
            linear(normed).view(count, -1, self._size) for linear in (self._query, self._key, self._value)
        )
        if self._query_norm is not None:
            queries, keys = (
                rms_norm(heads, norm, self._epsilon)
                for heads, norm in ((queries, self._query_norm), (keys, self._key_norm))
            )
        return Heads(rotation.turn(queries, angles), rotation.turn(keys, angles), values)

    def after(self, rows: Tensor, attended: Tensor) -> Tensor:
        """What the layer makes of `rows`, given what they attended to ([rows, heads * head size])."""
        rows = rows + self._output(attended)
        normed = rms_norm(rows, self._feed_forward_norm, self._epsilon)
        return rows + self._down(F.silu(self._gate(normed)) * self._up(normed))


def rms_norm(rows: Tensor, weight: Tensor | None, epsilon: float) -> Tensor:
    """Root mean square norm over the last axis (Zhang and Sennrich, 2019)."""
    scaled = rows * torch.rsqrt(rows.square().mean(-1, keepdim=True) + epsilon)
    return scaled if weight is None else scaled * weight
