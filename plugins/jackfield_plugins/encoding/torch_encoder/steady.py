"""What was tried when an encoder was opened: numbers of rows with which each row comes out the same in any company."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from jackfield_plugins.encoding.spec import EncoderSpec
from jackfield_plugins.encoding.torch_encoder.attention import attend
from jackfield_plugins.encoding.torch_encoder.layer import TorchLayer
from jackfield_plugins.generation.torch_decoder.tiles import agreeing

SIZES = (4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512)
"""What is tried. Pieces of more rows than the last are no faster; from 16 on at most a quarter of one is filled up."""
_LENGTHS = (1, 3, 33, 130)  # of texts that attention is tried with
_BEFORE = (0, 1, 7)  # how many rows stand before them


@dataclass(frozen=True, slots=True)
class Steady:
    """`sizes`: numbers of rows, ascending. `holds`: whether a row's bits were the same in every trial."""

    sizes: tuple[int, ...]
    holds: bool

    @classmethod
    def tried(cls, spec: EncoderSpec, layer: TorchLayer) -> Steady:
        """Try what is done to rows in `layer`, and attention among random rows, on this machine."""
        cpu = torch.device("cpu")

        def after(rows: Tensor) -> Tensor:
            return layer.after(rows[:, : spec.hidden].contiguous(), rows[:, spec.hidden :].contiguous())

        found = [agreeing(layer.before, spec.hidden, cpu, SIZES), agreeing(after, 2 * spec.hidden, cpu, SIZES)]
        sizes = tuple(size for size in SIZES if all(size in good for good, _ in found))
        return cls(sizes, all(steady for _, steady in found) and _attention_is_steady(spec))

    def describe(self) -> str:
        """For people."""
        return "yes" if self.holds else "no: this machine's matrix products depend on a row's place"


def _attention_is_steady(spec: EncoderSpec) -> bool:
    """Whether a text attends to itself with the same bits wherever it stands."""
    generator = torch.Generator().manual_seed(0)
    for length in _LENGTHS:
        text = torch.randn(length, 3 * spec.hidden, generator=generator)
        alone = attend(text, [length], spec.heads)
        for before in _BEFORE:
            others = torch.randn(before + 5, 3 * spec.hidden, generator=generator)
            rows = torch.cat([others[:before], text, others[before:]])
            lengths = [before, length, 5] if before else [length, 5]
            if not torch.equal(attend(rows, lengths, spec.heads)[before : before + length], alone):
                return False
    return True
