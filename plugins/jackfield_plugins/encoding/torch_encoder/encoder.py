"""The encoder that joins the parts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from jackfield import Array
from jackfield_plugins.encoding.packing import Packed
from jackfield_plugins.encoding.spec import EncoderSpec, Pooling
from jackfield_plugins.encoding.torch_encoder.attention import attend
from jackfield_plugins.encoding.torch_encoder.layer import TorchLayer
from jackfield_plugins.encoding.torch_encoder.pooling import pooled
from jackfield_plugins.encoding.torch_encoder.steady import Steady
from jackfield_plugins.encoding.torch_encoder.weights import TorchNorm, copied, mapped
from jackfield_plugins.generation.torch_decoder.tiles import Pieces


class TorchEncoder:
    """Runs an EncoderSpec with PyTorch's own operations, arithmetic in float32. Used by one thread at a time.

    A step's tokens stand one below the other, whichever texts they belong to; only attention goes text by text. No text
    is filled up. A step's rows are, by at most a few, to a number of rows with which each comes out as in any other
    company, as far as the trial in `steady` finds such numbers; `describe` says whether it did.
    """

    def __init__(self, spec: EncoderSpec, pooling: Pooling, normalize: bool) -> None:
        self.spec, self._pooling, self._normalize = spec, pooling, normalize
        with torch.inference_mode():
            self._words = mapped(spec.words)
            positions = copied([spec.positions])[spec.first_position :]
            self._positions = positions if spec.kinds is None else positions + mapped(spec.kinds)[0]
            self._norm = TorchNorm(spec.norm, spec.epsilon)
            self._layers = [TorchLayer(layer, spec) for layer in spec.layers]
            self._steady = Steady.tried(spec, self._layers[0])

    def __call__(self, step: Packed) -> Array:
        """The embeddings of the texts of `step`: float32 [texts, hidden]."""
        if not len(step.tokens):
            return np.zeros((0, self.spec.hidden), np.float32)
        with torch.inference_mode():
            pieces = Pieces(len(step.tokens), self._steady.sizes)
            rows = self._words[torch.from_numpy(step.tokens)].add_(self._positions[torch.from_numpy(step.positions)])
            lengths, heads = step.lengths.tolist(), self.spec.heads
            states = [self._norm(part) for part in pieces.filled(rows)]
            for layer in self._layers:
                projected = pieces.joined([layer.before(state) for state in states])
                attended = pieces.filled(attend(projected, lengths, heads))
                states = [layer.after(state, part) for state, part in zip(states, attended, strict=True)]
            found: Array = pieces.joined(states).numpy()
        return pooled(found, step.lengths, self._pooling, self._normalize)

    def describe(self) -> Mapping[str, str]:
        """What is in force, for people."""
        return {
            "encoder": f"torch {torch.__version__}",
            "instructions": torch.backends.cpu.get_cpu_capability(),
            "threads": str(torch.get_num_threads()),
            "pooling": self._pooling,
            "normalize": str(self._normalize).lower(),
            "same bits in any company": self._steady.describe(),
        }
