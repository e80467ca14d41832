"""What a step of the native decoder costs, and how near it comes to what the machine allows.

`python -m benchmarks.decoder`: a decoder in SmolLM2-135M's shape with random weights, stored as its GGUF stores them
(Q4_1, embedding and head Q8_0). For each way of storing and computing: milliseconds a step, the median of many, and in
brackets the ratio to the roofline: the larger of the time to read what the step must read and the time for its
products, at rates measured in the same run. With `--phases` also where the time goes, with each
phase's ratio to its own limit.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from benchmarks.decoder_phases import profile
from benchmarks.machine import described
from benchmarks.random_decoder import random_decoder
from jackfield_plugins.generation.decoder import TokenRows
from jackfield_plugins.generation.native import NativeDecoder, NativeOptions
from jackfield_plugins.generation.native.library import SETS, library
from jackfield_plugins.generation.spec import DecoderSpec

BLOCK = 16
DECODES = ((1, 192), (8, 192), (32, 192), (32, 1000))
PREFILLS = (128, 512)
WAYS = (
    NativeOptions(storage="fp32"),
    NativeOptions(storage="half"),
    NativeOptions(storage="blocks"),
    NativeOptions(storage="int8"),
    NativeOptions(storage="blocks", arithmetic="integer"),
    NativeOptions(storage="int8", arithmetic="integer"),
    NativeOptions(storage="blocks", arithmetic="integer", cache="half"),
)


def decoding(batch: int, context: int) -> TokenRows:
    """One row for each of `batch` sequences that have `context` positions with it."""
    a_line = -(-context // BLOCK)
    tables = np.arange(batch * a_line, dtype=np.int32).reshape(batch, a_line)
    every = np.arange(batch, dtype=np.int32)
    return TokenRows(every + 7, np.full(batch, context - 1, np.int32), every, tables, every)


def prefilling(length: int) -> TokenRows:
    """A prompt of `length` rows, of which the last one's logits are wanted."""
    tables = np.arange(-(-length // BLOCK), dtype=np.int32)[None, :]
    every = np.arange(length, dtype=np.int32)
    return TokenRows(every, every, np.zeros(length, np.int32), tables, every[-1:])


def rates(threads: int, instruction_set: int) -> tuple[float, float]:
    """Bytes read and fused products of floats a second, all threads together; the best of some tries."""
    native = library()
    memory = np.ones(256 << 20, np.uint8)
    pointer = memory.ctypes.data_as(native.read_rate.argtypes[1])
    read = max(native.read_rate(threads, pointer, memory.nbytes, 2) for _ in range(4))
    products = max(native.product_rate(threads, instruction_set, 3_000_000) for _ in range(4))
    return read, products


def parameters(spec: DecoderSpec) -> tuple[int, int]:
    """Weights of all layers' linears, and of the head."""
    head = spec.head.weight.shape[0] * spec.head.weight.shape[1]
    several = ("query", "key", "value", "output", "gate", "up", "down")
    layer = sum(int(np.prod(getattr(spec.layers[0], name).weight.shape)) for name in several)
    return layer * len(spec.layers), head


def least(
    spec: DecoderSpec, weights: int, rows: TokenRows, options: NativeOptions, read: float, products: float
) -> float:
    """Seconds that a step takes at best which reads `weights` bytes of them. Integer products count four to a product
    of floats."""
    count, positions = len(rows.tokens), rows.positions.astype(np.int64) + 1
    layers, head = parameters(spec)
    a_position = 2 * spec.key_value_heads * spec.head_size * len(spec.layers)
    lines = int(np.unique(rows.lines).size)
    seen = int(sum(positions[rows.lines == line].max() for line in range(lines)))
    bytes_read = weights + seen * a_position * (2 if options.cache == "half" else 4)
    linear = (layers * count + head * len(rows.wanted)) / (4 if options.arithmetic == "integer" else 1)
    attention = float(positions.sum()) * a_position * (spec.heads // spec.key_value_heads)
    return max(bytes_read / read, (linear + attention) / products)


def measured(decoder: NativeDecoder, rows: TokenRows, seconds: float) -> float:
    """The median duration of a step, in seconds."""
    decoder.run(rows)
    took: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(took) < 3:
        start = time.perf_counter()
        decoder.run(rows)
        took.append(time.perf_counter() - start)
    return float(np.median(took))


def name(options: NativeOptions) -> str:
    """How a row of the table is headed."""
    return f"{options.storage}, {options.arithmetic}" + (", KV half" if options.cache == "half" else "")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", default="auto", choices=("auto", *SETS))
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each figure")
    parser.add_argument("--only", default="", help="ways whose name contains this")
    parser.add_argument("--shapes", default="", help="columns whose heading contains this")
    parser.add_argument("--phases", action="store_true")
    arguments = parser.parse_args()
    spec = random_decoder()
    shapes = {f"{batch}@{context}": decoding(batch, context) for batch, context in DECODES}
    shapes |= {f"prefill {length}": prefilling(length) for length in PREFILLS}
    shapes = {heading: rows for heading, rows in shapes.items() if arguments.shapes in heading}
    print(described("numpy"))
    print("| ms a step (of roofline) | " + " | ".join(shapes) + " |\n|" + "---|" * (len(shapes) + 1))
    for way in WAYS:
        if arguments.only not in name(way):
            continue
        options = NativeOptions(way.storage, way.arithmetic, way.cache, arguments.threads, arguments.set)
        decoder = NativeDecoder(spec, 32 * 64, BLOCK, options)
        read, products = rates(options.threads_here(), decoder.instruction_set)
        cells = []
        for rows in shapes.values():
            took = measured(decoder, rows, arguments.seconds)
            best = least(spec, decoder.weight_bytes, rows, options, read, products)
            cells.append(f"{took * 1e3:.1f} ({best / took:.2f})")
            if arguments.phases:
                print(f"  {len(rows.tokens)} rows: {profile(spec, decoder, rows, read, products)}")
        print(f"| {name(way)} | " + " | ".join(cells) + " |")
        print(f"  memory {read / 1e9:.1f} GB/s, products {products / 1e9:.0f} G/s, {SETS[decoder.instruction_set]}")
        decoder.close()


if __name__ == "__main__":
    main()
