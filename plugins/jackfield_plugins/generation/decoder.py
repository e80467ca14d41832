"""The one interface behind which a decoder runs, on whatever device: rows of tokens in, logits out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jackfield import Array


@dataclass(slots=True, eq=False)
class TokenRows:
    """What one step is to run. A row is a token, whichever sequence it belongs to, being prefilled or decoded.

    `tokens`, `positions`, `lines`: int32 [rows]; a row's line is its sequence's in `tables`. Rows of one sequence stand
    together, in ascending, gapless positions. `tables`: int32 [lines, blocks]; block b of a line holds the keys and
    values of positions b * block size and on. `wanted`: int32, the rows, ascending, whose logits are asked for.
    All are C-contiguous, owned by the caller and not changed while the step runs.
    """

    tokens: Array
    positions: Array
    lines: Array
    tables: Array
    wanted: Array


class Decoder(ABC):
    """A decoder on its device, with its pool of KV blocks. Used by one thread at a time.

    A row's logits are the same bits whoever shares the step, however its prompt was cut into steps.
    """

    vocabulary: int
    """Logits of a row."""
    context: int
    """Most positions of a sequence."""
    block_size: int
    """Positions in a block."""
    blocks: int
    """Blocks in the pool, numbered from 0."""
    threads: int = 1
    """How many threads may be used for what is done beside it on the host, such as sampling."""

    @abstractmethod
    def run(self, rows: TokenRows) -> Array:
        """Write the rows' keys and values into their blocks, let each row attend to its sequence up to itself, and give
        the logits: float32 [wanted, vocabulary], which stay valid until the next run. Blocks; releases the GIL."""

    @abstractmethod
    def copy(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Copy block contents: of each (source, destination), in order."""

    @abstractmethod
    def describe(self) -> Mapping[str, str]:
        """What is in force, for people: storage, arithmetic, instruction set, threads, KV datatype."""

    def close(self) -> None:
        """Give back the memory. Called once."""
        return
