"""Where a step of the native decoder spends its time, beside the least that the machine would need for each phase."""

from __future__ import annotations

import numpy as np

from jackfield_plugins.generation.decoder import TokenRows
from jackfield_plugins.generation.native import NativeDecoder
from jackfield_plugins.generation.spec import DecoderSpec, Linear

BYTES = {"fp32": 4.0, "half": 2.0, "int8": 34 / 32}
"""Of one weight, by storage."""
PRODUCTS = {"qkv": ("query", "key", "value"), "output": ("output",), "gate_up": ("gate", "up"), "down": ("down",)}


def matrices(spec: DecoderSpec, storage: str) -> dict[str, tuple[float, int]]:
    """For each phase of products: bytes of its weights, and how many they are, in all layers together."""

    def both(linear: Linear) -> tuple[float, int]:
        count = int(np.prod(linear.weight.shape))
        return (count * BYTES[storage] if storage in BYTES else linear.weight.data.nbytes), count

    found = {"head": both(spec.head)}
    for phase, names in PRODUCTS.items():
        each = [both(getattr(layer, name)) for layer in spec.layers for name in names]
        found[phase] = (sum(size for size, _ in each), sum(count for _, count in each))
    return found


def limits(
    spec: DecoderSpec, decoder: NativeDecoder, rows: TokenRows, read: float, products: float
) -> dict[str, tuple[float, float]]:
    """For each phase, seconds to read what it must and seconds for its products, at `read` bytes and `products`
    products of floats a second. Integer products count four to a product of floats."""
    options, positions = decoder.options, rows.positions.astype(np.int64) + 1
    at_once = 4 if options.arithmetic == "integer" else 1
    found = {}
    for phase, (size, count) in matrices(spec, options.storage).items():
        several = len(rows.wanted) if phase == "head" else len(rows.tokens)
        found[phase] = (size / read, count * several / products / at_once)
    a_position = 2 * spec.key_value_heads * spec.head_size * len(spec.layers)
    lines = int(np.unique(rows.lines).size)
    seen = int(sum(positions[rows.lines == line].max() for line in range(lines)))
    group = spec.heads // spec.key_value_heads
    size = 2 if options.cache == "half" else 4
    found["attend"] = (seen * a_position * size / read, float(positions.sum()) * a_position * group / products)
    return found


def profile(
    spec: DecoderSpec, decoder: NativeDecoder, rows: TokenRows, read: float, products: float, times: int = 7
) -> str:
    """Milliseconds a step by phase, as the first thread saw it, with the larger limit's share and what it is."""
    spent: dict[str, list[float]] = {}
    for _ in range(times):
        before = dict(decoder.times())
        decoder.run(rows)
        for phase, after in decoder.times().items():
            spent.setdefault(phase, []).append(after - before[phase])
    least = limits(spec, decoder, rows, read, products)
    cells = []
    for phase, several in spent.items():
        took, text = float(np.median(several)), f"{phase} {np.median(several) * 1e3:.2f}"
        if phase in least and took > 0:
            reading, multiplying = least[phase]
            bound = "memory" if reading > multiplying else "products"
            text += f" ({max(reading, multiplying) / took:.2f} of {bound})"
        cells.append(text)
    return ", ".join(cells)
