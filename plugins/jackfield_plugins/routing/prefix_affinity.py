"""Router `prefix-affinity`: prompts that begin alike go where the beginning is in the KV cache.

By consistent hashing of the prefix, so that nothing needs to be remembered, several processes agree, and a replica that
comes or goes moves few prefixes; with a bound on the load, as in "Consistent Hashing with Bounded Loads" (Mirrokni,
Thorup and Zadimoghaddam, 2018), so that a prefix which many ask for spreads to the next replicas on the ring.

How long the prefix is that is hashed depends on the load: one block, unless more than one replica's share of the
requests begin with it (a system prompt, say); then twice as long, until it tells them apart. So the turns of one
conversation meet again, although all conversations begin alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from pydantic import Field

from jackfield import Array, Candidate, Options, Request, Router
from jackfield_plugins.routing.heat import Heat
from jackfield_plugins.routing.least_loaded import LeastLoaded, LeastLoadedOptions
from jackfield_plugins.routing.ring import BITS, Ring

_DEEPEST = 128
"""Blocks of the longest prefix that is looked at, so that a choice takes microseconds."""
_RINGS = 8
"""How many sets of replicas are remembered: one of them may go and come back."""


class PrefixAffinityOptions(Options):
    """Options of the router `prefix-affinity`."""

    input: str = "tokens"
    """The input that is the prompt, as tokens; requests without it go to the least loaded."""
    block_tokens: int = Field(default=16, ge=1, le=4096)
    """Tokens of a block: the shortest prefix that is looked at. Prompts that are shorter go to the least loaded."""
    bound: float = Field(default=1.25, ge=1, le=100)
    """A replica that has more to do than so many times the mean of all is passed over."""
    spare: int = Field(default=2, ge=0, le=1000)
    """How many requests like the one that has come a replica may hold beyond that, so that under low load prompts that
    begin alike stay together."""


class PrefixAffinity(Router):
    """Prompts that begin alike go to one replica, as long as it has not too much more to do than the others. Prompts of
    different tenants do not begin alike: they share no cache."""

    options = PrefixAffinityOptions
    settings: PrefixAffinityOptions

    def __init__(self, options: PrefixAffinityOptions) -> None:
        super().__init__(options)
        self._input = options.input
        self._block = options.block_tokens
        self._bound = options.bound
        self._spare = options.spare
        self._heat = Heat()
        self._rings: dict[tuple[str, ...], Ring] = {}
        self._without = LeastLoaded(LeastLoadedOptions())

    def choose(self, request: Request, cost: int, replicas: Sequence[Candidate]) -> int:
        """The first on the ring that has not too much to do. There is always one: who has the least."""
        prompt = request.inputs.get(self._input)
        if prompt is None or prompt.ndim != 1 or prompt.dtype.kind not in "iu" or prompt.size < self._block:
            return self._without.choose(request, cost, replicas)
        key = self._key(request.tenant, prompt, len(replicas))
        costs = [replica.cost for replica in replicas]
        most = max(self._bound * (sum(costs) + cost) / len(costs) + self._spare * cost, min(costs))
        ring = self._ring(tuple([replica.name for replica in replicas]))
        return next(index for index in ring.walk(key) if costs[index] <= most)

    def _key(self, tenant: str, prompt: Array, replicas: int) -> int:
        heat, salt = self._heat, tenant.encode(errors="replace")[:64]
        heat.begin()
        size = self._block
        while True:
            digest = blake2b(prompt[:size].tobytes(), key=salt, digest_size=BITS // 8).digest()
            key = int.from_bytes(digest)
            if not heat.hot(key, replicas) or 2 * size > min(prompt.size, _DEEPEST * self._block):
                return key
            size *= 2

    def _ring(self, names: tuple[str, ...]) -> Ring:
        ring = self._rings.get(names)
        if ring is None:
            if len(self._rings) >= _RINGS:
                self._rings.clear()
            ring = self._rings[names] = Ring(names)
        return ring
