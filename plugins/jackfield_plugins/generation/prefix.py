"""By what a block of the KV cache is known: a hash chained over all tokens up to its end, salted by tenant."""

from __future__ import annotations

from hashlib import blake2b

from jackfield import Array

_BYTES = 16  # wide enough that nobody finds two prompts with one hash, so no client is shown another's cache


def salt_of(tenant: str, own: str = "") -> bytes:
    """Where the chain of a request begins: with its tenant, so that nobody can tell by the time to the first token what
    another tenant has asked; and with the request's `own` salt."""
    return blake2b(f"{len(tenant)}:{tenant}{own}".encode(), digest_size=_BYTES).digest()


class Chain:
    """The hashes of one sequence's full blocks of `size` tokens, as far as anybody has asked."""

    __slots__ = ("_last", "_size", "keys")

    def __init__(self, salt: bytes, size: int) -> None:
        self.keys: list[bytes] = []
        self._last = salt
        self._size = size

    def extend(self, tokens: Array, blocks: int) -> None:
        """Have the hashes of the first `blocks` blocks of `tokens` (int32, which only ever grow)."""
        size = self._size
        for number in range(len(self.keys), blocks):
            part = tokens[number * size : (number + 1) * size].tobytes()
            self._last = blake2b(part, key=self._last, digest_size=_BYTES).digest()
            self.keys.append(self._last)

    def fork(self) -> Chain:
        """The same so far, to go on otherwise."""
        other = Chain(self._last, self._size)
        other.keys = self.keys.copy()
        return other
