"""How often each of many keys has come lately, as a share of all."""

from __future__ import annotations

from collections import OrderedDict

_SPAN = 512
"""So many requests ago one counts a third of the last."""
_SOON = 8
"""Times as many requests as replicas before anything is called hot."""
_LARGEST = 1e200


class Heat:
    """Keeps `most` keys, those that came last. The past fades by letting each request count more than the one before,
    so that nothing that is kept needs to be touched."""

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._weights: OrderedDict[int, float] = OrderedDict()
        self._hot: set[int] = set()
        self._total = 0.0
        self._one = 1.0
        self._requests = 0

    def begin(self) -> None:
        """A request has come."""
        self._one *= 1 + 1 / _SPAN
        if self._one > _LARGEST:
            self._weights.clear()
            self._hot.clear()
            self._total, self._one = 0.0, 1.0
        self._total += self._one
        self._requests += 1

    def hot(self, key: int, replicas: int) -> bool:
        """Count `key` of the request that has come last: whether it has more than an even share of one of so many
        `replicas`. Once it has, it is hot until it has half of that, so that nothing goes back and forth."""
        weight = self._weights.pop(key, 0.0) + self._one
        self._weights[key] = weight
        if len(self._weights) > self._most:
            gone, _ = self._weights.popitem(last=False)
            self._hot.discard(gone)
        share = weight * replicas
        if key in self._hot:
            if 2 * share < self._total:
                self._hot.discard(key)
        elif share > self._total and self._requests > _SOON * replicas:
            self._hot.add(key)
        return key in self._hot
