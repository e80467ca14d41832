"""The pool of KV-cache blocks: who holds which, and which still hold what may be wanted again.

Paging as in "Efficient Memory Management for Large Language Model Serving with PagedAttention" (Kwon et al., 2023). A
full block is known by a hash of its tokens and of all before it (see `prefix`), and stays known after its last holder
has gone, until its memory is needed: the least recently used goes first.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence


def blocks_for(tokens: int, block_size: int) -> int:
    """How many blocks hold so many tokens."""
    return -(-tokens // block_size)


def blocks_of_choices(prompt: int, answer: int, choices: int, block_size: int) -> int:
    """How many blocks hold `choices` answers of so many tokens each to one prompt. The prompt's full blocks are shared;
    the last token of an answer needs no place, for nothing comes after it."""
    if answer < 2:  # nothing is written behind the prompt
        return blocks_for(prompt, block_size)
    shared = prompt // block_size
    return shared + choices * (blocks_for(prompt + answer - 1, block_size) - shared)


def answer_within(count: int, prompt: int, choices: int, block_size: int) -> int:
    """The most tokens of each answer for which `blocks_of_choices` is `count` at most; -1 if the prompt alone needs
    more."""
    if blocks_for(prompt, block_size) > count:
        return -1
    shared = prompt // block_size
    each = (count - shared) // choices
    return max((shared + each) * block_size - prompt + 1, 1)


class BlockPool:
    """`count` blocks, numbered from 0, of `size` tokens each. Used by one thread at a time.

    A block is held (by one or more), cached (by nobody, but what is in it is known), or plain. `free` counts the latter
    two. `hits` and `lookups` count blocks that were looked for, `evictions` what was forgotten for want of memory.
    """

    def __init__(self, count: int, size: int) -> None:
        self.count = count
        self.size = size
        self.hits = 0
        self.lookups = 0
        self.evictions = 0
        self._holders = [0] * count
        self._plain = deque(range(count))
        self._cached: OrderedDict[int, None] = OrderedDict()
        self._known: dict[bytes, int] = {}
        self._keys: dict[int, bytes] = {}

    @property
    def free(self) -> int:
        """Blocks that can be taken."""
        return len(self._plain) + len(self._cached)

    @property
    def cached(self) -> int:
        """Blocks that nobody holds and whose content is known."""
        return len(self._cached)

    def take(self, count: int) -> list[int] | None:
        """Hold `count` blocks with nothing in them; None, and nothing has changed, if so many are not free."""
        if count > self.free:
            return None
        taken: list[int] = []
        for _ in range(count):
            if self._plain:
                block = self._plain.popleft()
            else:
                block, _ = self._cached.popitem(last=False)
                del self._known[self._keys.pop(block)]
                self.evictions += 1
            self._holders[block] = 1
            taken.append(block)
        return taken

    def hold(self, block: int) -> None:
        """One more holds `block`, which is held or cached."""
        if not self._holders[block]:
            del self._cached[block]
        self._holders[block] += 1

    def drop(self, blocks: Iterable[int]) -> int:
        """One fewer holds each of `blocks`, of which the first is forgotten last; how many became free."""
        freed = 0
        for block in reversed(list(blocks)):
            self._holders[block] -= 1
            if self._holders[block] == 0:
                freed += 1
                if block in self._keys:
                    self._cached[block] = None
                else:
                    self._plain.appendleft(block)  # its memory has been touched, and may be in a cache
        return freed

    def shared(self, block: int) -> bool:
        """Whether more than one holds it, so that none of them may write to it."""
        return self._holders[block] > 1

    def held(self, block: int) -> bool:
        """Whether anybody holds it."""
        return self._holders[block] > 0

    def find(self, keys: Sequence[bytes]) -> list[int]:
        """The blocks that are known by the first of `keys`, up to the first that is not. Holds none of them."""
        found: list[int] = []
        known = self._known
        for key in keys:
            block = known.get(key)
            if block is None:
                break
            found.append(block)
        return found

    def count_lookup(self, looked: int, found: int) -> None:
        """Of `looked` blocks of a prompt that were looked for, `found` were known and are used."""
        self.lookups += looked
        self.hits += found

    def publish(self, block: int, key: bytes) -> None:
        """What is in `block`, which is held and full, is known by `key` from now on; unless another block is."""
        if key not in self._known and block not in self._keys:
            self._known[key] = block
            self._keys[block] = key

    def forget(self) -> None:
        """Nothing is known any more; who holds blocks keeps them."""
        self._plain.extend(self._cached)
        self._cached.clear()
        self._known.clear()
        self._keys.clear()
