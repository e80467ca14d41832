"""A key in use: what it may do, and what it has used up."""

from __future__ import annotations

from contextvars import ContextVar
from fnmatch import fnmatchcase
from math import ceil

from jackfield.clock import Clock
from jackfield.errors import QuotaExceeded
from jackfield.keys.bucket import Bucket
from jackfield.keys.entries import KeyConfig

_MINUTE = 60.0
_CROWDED = 1.0  # seconds after which a key that has too many requests under way may ask again


class Caller:
    """Used on the event loop. `name` is that of the key, which itself is not kept. `counted`: whether it matters how
    many requests begin and how many are under way; where it does not, not all are told of."""

    def __init__(self, name: str, config: KeyConfig, clock: Clock) -> None:
        self.name = name
        self.under_way = 0
        self._now = clock.now
        self._requests: Bucket | None = None
        self._rows: Bucket | None = None
        self._tokens: Bucket | None = None
        self.become(config)

    def become(self, config: KeyConfig) -> None:
        """Go on by `config`, of the same key; what was used up stays so."""
        now, quota = self._now(), config.quota
        self.config = config
        self.tenant = config.tenant or self.name
        self.weight = config.weight
        self.rights = frozenset(config.rights)
        self.concurrent = quota.concurrent
        self._usable: dict[str, bool] = {}
        rate = quota.requests_per_s
        burst = quota.burst or max(ceil(rate or 0), 1)
        self._requests = _bucket(self._requests, rate, burst, now)
        self.counted = rate is not None or quota.concurrent is not None
        rows, tokens = quota.rows_per_minute, quota.tokens_per_minute
        self._rows = _bucket(self._rows, None if rows is None else rows / _MINUTE, rows or 0, now)
        self._tokens = _bucket(self._tokens, None if tokens is None else tokens / _MINUTE, tokens or 0, now)

    def may(self, right: str) -> bool:
        """Whether it has been given `right`; everybody has the empty one."""
        return not right or right in self.rights

    def may_use(self, model: str) -> bool:
        """Whether it may use `model`, which is one of the server's."""
        usable = self._usable.get(model)
        if usable is None:
            usable = self._usable[model] = any(fnmatchcase(model, pattern) for pattern in self.config.models)
        return usable

    def enter(self) -> None:
        """A request begins, and is counted; `leave` when it is over. Raises QuotaExceeded, and then it does not."""
        if self.concurrent is not None and self.under_way >= self.concurrent:
            raise QuotaExceeded(
                f"key '{self.name}' has {self.under_way} requests under way, at most {self.concurrent} may be", _CROWDED
            )
        requests = self._requests
        if requests is not None:
            now = self._now()
            if requests.level(now) < 1:
                raise QuotaExceeded(
                    f"key '{self.name}' may send {requests.rate:g} requests a second", requests.wait(1, now)
                )
            requests.take(1, now)
        self.under_way += 1

    def leave(self, *, asked: bool = True) -> None:
        """A request is over. Not `asked`: it was none, and is as if it had never begun."""
        self.under_way -= 1
        if not asked and self._requests is not None:
            self._requests.take(-1, self._now())

    def check(self) -> None:
        """Raise QuotaExceeded if its rows or tokens are used up."""
        if self._rows is not None:
            self._check(self._rows, "rows")
        if self._tokens is not None:
            self._check(self._tokens, "tokens")

    def charge(self, rows: int = 0, tokens: int = 0) -> None:
        """Count what it was given."""
        if rows and self._rows is not None:
            self._rows.take(rows, self._now())
        if tokens and self._tokens is not None:
            self._tokens.take(tokens, self._now())

    def _check(self, bucket: Bucket, what: str) -> None:
        now = self._now()
        if bucket.level(now) <= 0:
            raise QuotaExceeded(
                f"key '{self.name}' may use {bucket.size:g} {what} a minute, which are used up",
                bucket.wait(min(1.0, bucket.size), now),
            )


def _bucket(before: Bucket | None, rate: float | None, size: float, now: float) -> Bucket | None:
    if rate is None:
        return None
    if before is None:
        return Bucket(rate, size, now)
    before.refit(rate, size, now)
    return before


CALLER: ContextVar[Caller | None] = ContextVar("jackfield_caller", default=None)
"""Whose request is being handled here; None: nobody's, as in code of the host's own, or where there are no keys."""
