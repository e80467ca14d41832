"""Rotary positions: sine and cosine of every position, looked up; heads, turned."""

from __future__ import annotations

import torch
from torch import Tensor

from jackfield_plugins.generation.spec import Rope


class Rotation:
    """The angles of the first `positions` positions, computed once: a position's are the same bits in any step."""

    def __init__(self, rope: Rope, positions: int, device: torch.device) -> None:
        frequencies = torch.from_numpy(rope.frequencies.copy())
        angles = torch.arange(positions, dtype=torch.float32)[:, None] * frequencies
        self._cosine = (angles.cos() * rope.factor).to(device)
        self._sine = (angles.sin() * rope.factor).to(device)
        self._pairs = rope.style == "pairs"

    def of(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine for rows at `positions`: each [rows, 1, head size / 2]."""
        return self._cosine[positions][:, None], self._sine[positions][:, None]

    def turn(self, heads: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
        """`heads` ([rows, heads, head size]) turned by the `angles` of their rows."""
        cosine, sine = angles
        if self._pairs:
            first, second = heads[..., 0::2].contiguous(), heads[..., 1::2].contiguous()
        else:
            first, second = (half.contiguous() for half in heads.chunk(2, dim=-1))
        turned = first * cosine - second * sine, second * cosine + first * sine
        return torch.stack(turned, -1).flatten(-2) if self._pairs else torch.cat(turned, -1)
