"""Counting what flows."""

from __future__ import annotations


class Bucket:
    """A token bucket: `rate` flow in a second, up to `size`, which it holds at first. Times in seconds, by whatever
    clock; one that stands still or runs back changes nothing."""

    __slots__ = ("_level", "_then", "rate", "size")

    def __init__(self, rate: float, size: float, now: float) -> None:
        self.rate = rate
        self.size = size
        self._level = size
        self._then = now

    def level(self, now: float) -> float:
        """What is in it; less than nothing if more was taken than there was."""
        if now > self._then:
            self._level = min(self.size, self._level + (now - self._then) * self.rate)
            self._then = now
        return self._level

    def take(self, amount: float, now: float) -> None:
        """Take `amount` out, be it there or not; a negative one is put back."""
        self._level = min(self.size, self.level(now) - amount)

    def wait(self, level: float, now: float) -> float:
        """Seconds until it holds `level`."""
        return max(level - self.level(now), 0.0) / self.rate

    def refit(self, rate: float, size: float, now: float) -> None:
        """Go on with another rate and size: what was used up stays so."""
        used = self.size - self.level(now)
        self.rate, self.size = rate, size
        self._level = size - used
