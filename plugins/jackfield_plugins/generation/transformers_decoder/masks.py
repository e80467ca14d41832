"""What a model's mask comes to: a window over what came before, or nothing that we could give."""

from __future__ import annotations

import torch

from jackfield_plugins.generation.transformers_decoder.interface import MaskFunction


class UnservedMask(Exception):
    """A mask that is none of those that attention over blocks has; says in which way."""


def window_of(function: MaskFunction, context: int) -> int:
    """How many positions back, itself included, a row attends to; 0 for all of them.

    The function is asked about rows over the whole `context`. Raises UnservedMask if a row attends to what comes after
    it, or to anything else than the last so many positions, or if only the model's inputs could tell.
    """
    asked = (0, 1, 2, 7, context // 3, context // 2, context - 2, context - 1)
    rows = sorted({row for row in asked if 0 <= row < context})
    nothing = torch.zeros((), dtype=torch.int64)
    places = torch.arange(context)
    seen = {}
    for row in rows:
        try:
            found = function(nothing, nothing, torch.tensor(row), places)
        except Exception as error:  # a function that looks its answer up in a tensor of the inputs' size
            raise UnservedMask("attends by what its inputs hold") from error
        seen[row] = torch.broadcast_to(torch.as_tensor(found), places.shape)
    window = int(seen[context - 1].sum())
    for row, attended in seen.items():
        if attended[row + 1 :].any():
            raise UnservedMask("attends to what comes after a token")
        if not torch.equal(attended, (places <= row) & (places > row - window)):
            raise UnservedMask("attends neither to all that came before nor to a window of it")
    return 0 if window == context else window
