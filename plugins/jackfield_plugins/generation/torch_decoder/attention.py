"""Attention over blocks: each tile of queries reads the keys of its sequence a span at a time.

The softmax is kept up from span to span (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018).
Spans begin at multiples of a fixed length of a sequence, so the order of a row's sums depends on its position alone; a
span that a row does not attend to changes none of its bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from jackfield_plugins.generation.torch_decoder.packing import Tiles
from jackfield_plugins.generation.torch_decoder.pool import KeyValuePool

_LEAST = -1e30  # below any score; finite, since the difference of two infinities is no number
SPAN = 128
"""Positions that are attended to at a time; a multiple of the size of a block."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """How a layer weighs what it attends to. `scale`: of the products of queries and keys. `window`: how many positions
    back, 0 for all. `softcap`: scores stay between minus and plus this, by a tangent; 0 for none. `sinks`: float32
    [heads], a score of each head that takes its share of the weight and has no value."""

    scale: float
    window: int = 0
    softcap: float = 0.0
    sinks: Tensor | None = None


def attend(pool: KeyValuePool, layer: int, queries: Tensor, tiles: Tiles, scoring: Scoring) -> Tensor:
    """What the rows of `tiles` attend to: float32 [rows of the tiles, heads * value size], in their order.

    `queries` is [all rows, heads, key size].
    """
    count, size = tiles.positions.shape
    _, heads, width = queries.shape
    _, shared, _, across = pool.values[layer].shape
    group = heads // shared
    packed = queries.new_zeros(count, size, heads, width)
    packed[tiles.tile, tiles.slot] = queries[tiles.rows] * scoring.scale
    # the heads that share keys stand below each other: one product of matrices for all of them
    asked = packed.view(count, size, shared, group, width).transpose(1, 2).reshape(count, shared, size * group, width)
    state = _State(asked, across, scoring, group)
    for start in range(0, int(tiles.ends.max()), SPAN):
        active = torch.nonzero((tiles.ends > start) & (_oldest(tiles, scoring.window) < start + SPAN)).flatten()
        if len(active):
            state.add(pool, layer, tiles, active, start)
    attended = state.total / state.weight
    spread = attended.view(count, shared, size, group, across).transpose(1, 2).reshape(count, size, heads * across)
    return spread[tiles.tile, tiles.slot]


def _oldest(tiles: Tiles, window: int) -> Tensor:
    """The first position that any row of each tile attends to: [tiles]."""
    if not window:
        return torch.zeros_like(tiles.ends)
    first = torch.where(tiles.positions < 0, tiles.ends[:, None], tiles.positions).amin(1)
    return first - window + 1


class _State:
    """The running maximum, the sum of weights and the weighted sum of values, for each query."""

    def __init__(self, asked: Tensor, across: int, scoring: Scoring, group: int) -> None:
        tiles, shared, rows, _ = asked.shape
        self._asked, self._scoring, self._group = asked, scoring, group
        self._highest = asked.new_full((tiles, shared, rows, 1), _LEAST)
        self.weight = asked.new_zeros(tiles, shared, rows, 1)
        self.total = asked.new_zeros(tiles, shared, rows, across)
        if scoring.sinks is not None:  # a score before all others, whose value is nothing
            each = scoring.sinks.view(shared, 1, group).expand(shared, rows // group, group)
            self._highest[:] = each.reshape(shared, rows, 1)
            self.weight.fill_(1)

    def add(self, pool: KeyValuePool, layer: int, tiles: Tiles, active: Tensor, start: int) -> None:
        """Positions from `start` on, for the tiles that are `active`."""
        window, softcap = self._scoring.window, self._scoring.softcap
        first, count = start // pool.block_size, SPAN // pool.block_size
        blocks = tiles.blocks[active, first : first + count]
        blocks = F.pad(blocks, (0, count - blocks.shape[1]))
        keys, values = pool.read(layer, blocks)
        where = torch.arange(start, start + SPAN, device=blocks.device)
        # what others left behind the end may be anything, and nothing times that need not be nothing
        values.masked_fill_((where >= tiles.ends[active, None])[:, None, :, None], 0)
        scores = self._asked[active] @ keys.transpose(-1, -2)
        if softcap:
            scores = torch.tanh(scores / softcap) * softcap
        rows = tiles.positions[active].repeat_interleave(self._group, 1)[:, None, :, None]
        hidden = where > rows
        if window:
            hidden |= where <= rows - window
        scores.masked_fill_(hidden, -torch.inf)
        highest = torch.maximum(self._highest[active], scores.amax(-1, keepdim=True))
        weights = torch.exp(scores - highest)
        faded = torch.exp(self._highest[active] - highest)
        self._highest[active] = highest
        self.weight[active] = self.weight[active] * faded + weights.sum(-1, keepdim=True)
        self.total[active] = self.total[active] * faded + weights @ values
