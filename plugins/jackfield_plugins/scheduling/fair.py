"""Scheduler `fair`: tenants share the device by weight, whatever each of them asks for.

Start-time fair queueing (Goyal, Vin and Cheng, 1996): a tenant's work starts, in virtual time, where its work before
ended, but not before the virtual time of now; it ends a cost (its rows) divided by the tenant's weight later. The
device gets work by ascending start. A tenant that was idle has saved nothing up, and one that floods the queue only
pushes its own work back. Virtual time goes on with the service that all tenants get together, divided by their weights
(weighted fair queueing; Demers, Keshav and Shenker, 1989), so that it passes even if each request is of a new tenant.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Annotated, cast

from pydantic import Field

from jackfield import Line, Options, Scheduler, Work
from jackfield_plugins.scheduling.lines import Sharing

_BEFORE_ALL = 1.0  # virtual time is never negative: what starts before that comes first

Weight = Annotated[float, Field(gt=0)]


class FairOptions(Options):
    """Tenants are told apart by their keys, or by what the endpoint says of a request; all of whom nothing is said are
    one tenant."""

    weights: dict[str, Weight] = {}
    """Shares by tenant: one of weight 2 gets twice the rows of one of weight 1, if both ask for that much."""
    default_weight: Weight = 1.0
    """The share of tenants that are not named, and whose keys say no weight."""
    patience_s: Annotated[float, Field(gt=0)] = 10.0
    """Seconds after which a tenant that has work and got nothing comes first, however many tenants there are."""


class _Tenant:
    """`end`: virtual time at which the last work that was served ends. `since`: when it got something last, or began to
    wait for it."""

    __slots__ = ("end", "since", "waiting", "weight")

    def __init__(self, weight: float, start: float) -> None:
        self.since = 0.0
        self.weight = weight
        self.end = start
        self.waiting: dict[Work, None] = {}


class Fair(Scheduler):
    """A first-come-first-served queue for each tenant that has work; a tenant without any costs nothing once its last
    work has ended in virtual time."""

    options = FairOptions

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._own = cast(FairOptions, options)
        self._tenants: dict[str, _Tenant] = {}
        self._now = 0.0  # virtual time
        self._weight = 0.0  # of the tenants that have work
        self._seconds = 0.0  # real time, as it was told last
        self._count = 0

    def add(self, work: Work, now: float) -> None:
        """Take `work` in, behind its tenant's other work."""
        name = work.request.tenant
        tenant = self._tenants.get(name)
        if tenant is None:
            tenant = self._tenants[name] = _Tenant(self._share(work), self._now)
        elif not tenant.waiting:
            tenant.end = max(tenant.end, self._now)  # idle time is not saved up
        if not tenant.waiting:
            self._weight += tenant.weight
            tenant.since = now
        self._seconds = now
        tenant.waiting[work] = None
        self._count += 1

    def remove(self, work: Work) -> None:
        """Let go of `work`; unless it is over already, it is served, and its tenant pays for it."""
        tenant = self._tenants[work.request.tenant]
        del tenant.waiting[work]
        self._count -= 1
        if work.final is None:
            self._now += _cost(work) / self._weight
            tenant.end += _cost(work) / tenant.weight
            tenant.since = self._seconds
        if not tenant.waiting:
            self._weight -= tenant.weight
        if not self._count:
            self._weight = 0.0  # and no error of rounding is kept
            self._now = max(self._now, *(one.end for one in self._tenants.values()))
            self._tenants.clear()
        elif not tenant.waiting:
            self._forget_idle()

    def offer(self, now: float) -> Iterator[Work]:
        """All work, as it would be served one after another from here on."""
        self._seconds = now
        heads = []
        forgotten = now - self._own.patience_s
        for number, tenant in enumerate(self._tenants.values()):
            queue = iter(tenant.waiting)
            first = next(queue, None)
            if first is not None:
                start = tenant.end if tenant.since > forgotten else tenant.since - now - _BEFORE_ALL
                heads.append((start, number, first, queue, tenant.weight))
        heapq.heapify(heads)
        while heads:
            start, number, work, queue, weight = heads[0]
            yield work
            following = next(queue, None)
            if following is None:
                heapq.heappop(heads)
            else:
                after = start + _cost(work) / weight if start >= 0 else self._now
                heapq.heapreplace(heads, (after, number, following, queue, weight))

    def __len__(self) -> int:
        return self._count

    def line(self) -> Line:
        """The tenant's own work is ahead, and what the others get meanwhile."""
        return Sharing(self._share)

    def _share(self, work: Work) -> float:
        own = self._own.weights.get(work.request.tenant)
        if own is None:
            own = work.request.weight
        return self._own.default_weight if own is None else own

    def _forget_idle(self) -> None:
        idle = [name for name, one in self._tenants.items() if not one.waiting and one.end <= self._now]
        for name in idle:
            del self._tenants[name]


def _cost(work: Work) -> int:
    return max(work.rows, 1)
