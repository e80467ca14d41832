"""How long steps take, as the policy `continuous` needs to know it: what decoding takes, and what prefill adds."""

from __future__ import annotations

import numpy as np

from jackfield import Array

_SIZES = 20
"""Powers of two of which decoding is known."""
_ROW, _ALONE = _SIZES, _SIZES + 1
_NOISE = 0.05
"""By what share of its duration a step is off, without anything having changed."""
_DRIFT = 0.01
"""By what share of itself each part changes from step to step."""
_GUESS = 0.5
"""By what share of itself a part may be off of which nothing is known but its neighbours."""
_APART = 12
"""After so many steps with prefill one that only decodes is due."""
_FAR = 4.0
"""How many standard deviations a step is believed to be off: more is a machine that stood still."""


class Pace:
    """Times in seconds, of steps that ended well. The thread that plans.

    A step is foreseen as what decoding its tokens takes, known at powers of two and taken between them in proportion,
    since a step of few is bound by memory and takes about as long for one more, and a step of many does not; and so
    much for each token of prefill, beside what the smallest prompt alone takes. Each step corrects its parts by how
    sure each of them is, and how they go together, so that four tokens of prefill beside thirty that decode say next
    to nothing of prefill, and five hundred that come alone say it all: a Kalman filter (Kalman, 1960). Steps that are
    alike do not tell parts that grow together apart, such as prefill and the prompt behind it: so now and then a step
    without prefill is `due`."""

    def __init__(self) -> None:
        self._times = np.zeros(_SIZES + 2)
        self._spread = np.zeros((_SIZES + 2, _SIZES + 2))
        self._known = [False] * (_SIZES + 2)
        self._mixed = 0  # steps since one that only decoded

    @property
    def row(self) -> float:
        """What a token of prefill adds; 0.0 if nothing is known of it."""
        return max(float(self._times[_ROW]), 0.0)

    @property
    def due(self) -> bool:
        """Whether the next step should only decode, to tell what that takes."""
        return self._mixed >= _APART

    def missed(self) -> None:
        """A step that decoded told nothing: its like is not due again at once."""
        self._mixed = 0

    def learn(self, decoding: int, prefill: int, seconds: float) -> None:
        """A step of so many tokens took so long."""
        if not seconds > 0:
            return
        self._mixed = self._mixed + 1 if decoding and prefill else 0
        parts = _parts(decoding)
        if prefill:
            if decoding and self.decoding(decoding) is None:
                return  # which of both took so long, nobody knows
            parts[_ROW] = float(prefill)
            if not decoding:
                parts[_ALONE] = 1.0
        for part, share in parts.items():
            if not self._known[part]:
                self._guess(part, share, decoding, seconds)
        self._correct(parts, seconds)

    def decoding(self, tokens: int) -> float | None:
        """What a step takes in which so many tokens are decoded; None if nothing is known of one like it."""
        parts = _parts(tokens)
        found = 0.0
        for part, share in parts.items():
            if not self._known[part]:
                return None
            found += share * float(self._times[part])
        return max(found, 0.0)

    def _guess(self, part: int, share: float, decoding: int, seconds: float) -> None:
        """Decoding goes on as it did below; the rest is what there is."""
        found = off = seconds
        if part == _ROW:
            left = seconds - (self.decoding(decoding) or 0.0)
            found, off = max(left, 0.0) / share, seconds / share
        elif part == _ALONE:
            found = 0.0
        else:
            if part > 1 and self._known[part - 1] and self._known[part - 2]:
                slope = (self._times[part - 1] - self._times[part - 2]) / 2 ** (part - 2)
                found += max(float(slope), 0.0) * max(2**part - decoding, 0)
            off = found
        self._known[part] = True
        self._times[part] = found
        self._spread[part, part] = (_GUESS * off) ** 2

    def _correct(self, parts: dict[int, float], seconds: float) -> None:
        which, shares = list(parts), np.array(list(parts.values()))
        for part in which:
            time = float(self._times[part])
            if self._spread[part, part] < (_GUESS * time) ** 2:
                self._spread[part, part] += (_DRIFT * time) ** 2
        towards: Array = self._spread[:, which] @ shares
        deviation = float(shares @ towards[which]) + (_NOISE * seconds) ** 2
        error = seconds - float(shares @ self._times[which])
        # a step that was quicker than foreseen stood still nowhere
        self._times += towards * (min(error, _FAR * deviation**0.5) / deviation)
        self._spread -= np.outer(towards, towards) / deviation


def _parts(tokens: int) -> dict[int, float]:
    """The powers of two around a number of tokens that decode, and how near each is."""
    if not tokens:
        return {}
    size = min(tokens.bit_length() - 1, _SIZES - 2)
    above = tokens / 2**size - 1
    return {size: 1 - above, size + 1: above} if above else {size: 1.0}
