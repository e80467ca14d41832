"""The decoder that runs its whole step in one native call."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from jackfield import Array
from jackfield.errors import LoadError
from jackfield_plugins.generation.decoder import Decoder, TokenRows
from jackfield_plugins.generation.native.library import SETS, Library, Shape, StepRows, library
from jackfield_plugins.generation.native.options import NativeOptions
from jackfield_plugins.generation.native.storing import storage_of, told_arithmetic, told_storage, widened
from jackfield_plugins.generation.native.weights import address, joined, raw, readable, vector
from jackfield_plugins.generation.spec import DecoderSpec

TILE = 16
PHASES = ("norm", "qkv", "rotate", "attend", "output", "gate_up", "down", "head")


class NativeDecoder(Decoder):
    """A decoder in C++ on the CPU, for the Llama family. Its weights are laid out anew when it is made; of the
    specification it keeps the embedding, which it reads where it lies.

    `told` is told how far that is. Raises LoadError for options or sizes that it cannot serve (NotThere, without the
    library), and MemoryError.
    """

    def __init__(
        self,
        spec: DecoderSpec,
        blocks: int,
        block_size: int = 16,
        options: NativeOptions | None = None,
        told: Callable[[str, int, int], None] | None = None,
    ) -> None:
        self.spec = spec
        self.vocabulary, self.context = spec.vocabulary, spec.context
        self.blocks = blocks
        self.block_size = block_size
        self.options = options or NativeOptions()
        self.threads = self.options.threads_here()
        self._processors = sorted(os.sched_getaffinity(0))[: self.threads] if self.options.pin else []
        self._library = library()
        self.instruction_set = chosen_set(self._library, self.options)
        """By the library's numbers."""
        self._handle: Any = None
        check(spec, blocks, block_size, self.options)
        storage = storage_of(spec, self.options)
        self.widened = widened(spec, storage)
        """Types of the file that are held as fp32, since the kernels do not know their codes."""
        self._embedding = readable(spec.embedding)
        self._logits = np.empty((0, 0), np.float32)
        self.weight_bytes = 0
        """Of the matrices as they are laid out."""
        self._handle = self._made()
        try:
            self._fill(storage, told or (lambda doing, done, total: None))
        except BaseException:
            self.close()
            raise

    def _made(self) -> Any:
        spec, options = self.spec, self.options
        sizes = (spec.hidden, spec.heads, spec.key_value_heads, spec.head_size, spec.feed_forward, spec.vocabulary)
        half, pairs = int(options.cache == "half"), int(spec.rope.style == "pairs")
        shape = Shape(len(spec.layers), *sizes, self.block_size, self.blocks, half, pairs, self.threads)
        shape.epsilon, shape.rope_factor = spec.epsilon, spec.rope.factor
        frequencies = np.ascontiguousarray(spec.rope.frequencies, np.float32)
        given = (ctypes.c_int * len(self._processors))(*self._processors)
        handle = self._library.decoder_new(shape, frequencies.ctypes.data, self.instruction_set, given, len(given))
        if not handle:
            raise MemoryError(f"the pool of {self.blocks} KV blocks cannot be had: {self._library.said()}")
        return handle

    def _fill(self, storage: int, told: Callable[[str, int, int], None]) -> None:
        spec, native = self.spec, self._library
        integer = self.options.arithmetic == "integer"
        for index, layer in enumerate(spec.layers):
            told("laying out weights", index, len(spec.layers) + 1)
            several = [(layer.query, layer.key, layer.value), (layer.output,), (layer.gate, layer.up), (layer.down,)]
            norms = (layer.attention_norm, layer.feed_forward_norm, layer.query_norm, layer.key_norm)
            vectors = [vector(norm, native) for norm in norms]
            linears: list[Any] = []
            try:
                for parts in several:
                    linears.append(joined(native, parts, storage, integer))
                    self.weight_bytes += native.linear_bytes(linears[-1])
            except BaseException:  # they are not the decoder's yet
                for one in linears:
                    native.linear_free(one)
                raise
            places = map(address, vectors)
            native.decoder_layer(self._handle, index, *linears, *places, spec.hidden, spec.head_size, layer.window)
        told("laying out weights", len(spec.layers), len(spec.layers) + 1)
        norm, embedding = vector(spec.norm, native), raw(self._embedding)  # before what would have to be given back
        head = joined(native, (spec.head,), storage, integer)
        self.weight_bytes += native.linear_bytes(head)
        self._width = native.linear_columns(head)
        native.decoder_ends(self._handle, embedding, head, address(norm), spec.hidden)
        told("laying out weights", len(spec.layers) + 1, len(spec.layers) + 1)

    def run(self, rows: TokenRows) -> Array:
        """As in `Decoder`. Raises ValueError for rows that are not what `TokenRows` says."""
        wanted = len(rows.wanted)
        if len(self._logits) < wanted:
            self._logits = np.empty((max(wanted, 2 * len(self._logits)), self._width), np.float32)
        arrays = (rows.tokens, rows.positions, rows.lines, rows.tables, rows.wanted)
        if any(array.dtype != np.int32 or not array.flags.c_contiguous for array in arrays):
            raise ValueError("the rows of a step must be C-contiguous int32 arrays")
        if not len(rows.tokens) == len(rows.positions) == len(rows.lines) or rows.tables.ndim != 2:
            raise ValueError("tokens, positions and lines of a step must be equally long, and its tables a matrix")
        native = StepRows(*(array.ctypes.data for array in arrays), len(rows.tokens), *rows.tables.shape, wanted)
        if self._library.decoder_step(self._handle, native, self._logits.ctypes.data, self._width):
            raise ValueError(self._library.said())
        return self._logits[:wanted, : self.vocabulary]

    def copy(self, pairs: Sequence[tuple[int, int]]) -> None:
        """As in `Decoder`. Raises ValueError for a block that the pool does not have."""
        flat = np.array(pairs, np.int32).reshape(-1, 2)
        if flat.size and not (flat.min() >= 0 and flat.max() < self.blocks):
            raise ValueError(f"a block to copy is not in the pool of {self.blocks}: {pairs}")
        self._library.decoder_copy(self._handle, flat.ctypes.data, len(flat))

    def describe(self) -> Mapping[str, str]:
        """As in `Decoder`."""
        options = self.options
        return {
            "decoder": "native",
            "storage": told_storage(self.spec, options.storage),
            "arithmetic": told_arithmetic(self.spec, options),
            "instruction set": SETS[self.instruction_set],
            "threads": f"{self.threads}{self._pinned()}",
            "cache": options.cache,
            "weights": f"{self.weight_bytes / 1e6:.1f} MB",
        }

    def _pinned(self) -> str:
        count = len(self._processors)
        if not count:
            return ""
        return ", pinned" if count == self.threads else f", {count} of them pinned"

    def times(self) -> Mapping[str, float]:
        """Seconds that steps have spent in each phase since the decoder was made, as its first thread saw them."""
        nanoseconds = (ctypes.c_uint64 * len(PHASES))()
        self._library.decoder_times(self._handle, nanoseconds)
        return {name: value / 1e9 for name, value in zip(PHASES, nanoseconds, strict=True)}

    def close(self) -> None:
        """As in `Decoder`. More often than once does nothing."""
        handle, self._handle = self._handle, None
        if handle:
            self._library.decoder_free(handle)


def chosen_set(native: Library, options: NativeOptions) -> int:
    """The number of the instruction set in force. Raises LoadError for one that the processor lacks."""
    here = native.sets_here()
    if options.instruction_set == "auto":
        return SETS.index(here[-1])
    if options.instruction_set not in here:
        raise LoadError(
            f"instruction set {options.instruction_set} is not in this processor, which has {', '.join(here)}"
        )
    return SETS.index(options.instruction_set)


def check(spec: DecoderSpec, blocks: int, block_size: int, options: NativeOptions) -> None:
    """Raises LoadError for what the native step cannot serve."""
    if spec.head_size % TILE:
        raise LoadError(
            f"the native decoder needs a head size that is a multiple of {TILE}, and this one is {spec.head_size}"
        )
    if block_size < TILE or block_size % TILE:
        raise LoadError(
            f"the native decoder needs a block size that is a multiple of {TILE}, and {block_size} was given"
        )
    if spec.heads % spec.key_value_heads:
        raise LoadError(f"{spec.heads} heads cannot share {spec.key_value_heads} KV heads evenly")
    if blocks < 1 or options.threads < 0:
        raise LoadError(f"blocks must be at least 1 and threads at least 0: {blocks}, {options.threads}")
