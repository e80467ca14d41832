"""How long steps take, as the policy `continuous` needs to know it: what decoding takes, and what prefill adds."""

from __future__ import annotations

_NEWEST = 0.2  # weight of the newest step in an average


class Pace:
    """Times in seconds, of steps that ended well. Decoding is known by the power of two below its number of tokens,
    since a step of few is bound by memory and takes about as long for one more."""

    def __init__(self) -> None:
        self.row = 0.0
        """What a token of prefill adds."""
        self._decoding: dict[int, float] = {}

    def learn(self, decoding: int, prefill: int, seconds: float) -> None:
        """A step of so many tokens took so long."""
        if decoding and not prefill:
            size = decoding.bit_length()
            known = self._decoding.get(size)
            self._decoding[size] = seconds if known is None else known + _NEWEST * (seconds - known)
        elif prefill:
            base = self.decoding(decoding)
            if base is not None:
                each = max(seconds - base, 0.0) / prefill
                self.row = each if not self.row else self.row + _NEWEST * (each - self.row)

    def decoding(self, tokens: int) -> float | None:
        """What a step takes in which so many tokens are decoded; None if nothing is known of one like it."""
        return self._decoding.get(tokens.bit_length()) if tokens else 0.0
