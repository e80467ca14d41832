"""The frequencies of rotary positions, and the ways to stretch them beyond the context of the training.

Rotary positions: Su et al., "RoFormer" (2021). Linear: Chen et al., "Extending Context Window of Large Language Models
via Positional Interpolation" (2023). YaRN: Peng et al. (2023), sections 3.2 to 3.4. Llama 3: Grattafiori et al., "The
Llama 3 Herd of Models" (2024), and the model cards of 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jackfield import Array
from jackfield_plugins.generation.architectures.settings import Reader, Style
from jackfield_plugins.generation.spec import Rope

TURN = 2 * math.pi


def plain(head_size: int, theta: float) -> Array:
    """float32 [head_size / 2]: radians a position, from 1 down to nearly 1 / theta."""
    exponents = np.arange(0, head_size, 2, dtype=np.float32) / np.float32(head_size)
    return (np.float32(1) / np.float32(theta) ** exponents).astype(np.float32)


def linear(frequencies: Array, factor: float) -> Array:
    """Positions lie `factor` times as dense."""
    return (frequencies / np.float32(factor)).astype(np.float32)


def llama3(frequencies: Array, factor: float, low: float, high: float, original: int) -> Array:
    """Waves that turn more than `high` times within the `original` context stay, those that turn less than `low` times
    are stretched by `factor`, and those between by a blend of both."""
    turns = original * frequencies / np.float32(TURN)
    share: Array = np.clip((turns - low) / (high - low), 0, 1).astype(np.float32)
    blended: Array = (1 - share) * frequencies / np.float32(factor) + share * frequencies
    return blended.astype(np.float32)


def yarn(
    frequencies: Array, theta: float, factor: float, fast: float, slow: float, original: int, whole: bool = True
) -> Array:
    """Dimensions that turn more than `fast` times within the `original` context stay, those that turn less than `slow`
    times are stretched by `factor`, and between them a ramp over dimensions. `whole`: its ends are whole dimensions."""
    size = 2 * len(frequencies)

    def dimension(turns: float) -> float:
        return size * math.log(original / (turns * TURN)) / (2 * math.log(theta))

    first, last = dimension(fast), dimension(slow)
    if whole:
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, size - 1)
    span = last - first or 0.001
    ramp = np.clip((np.arange(size // 2, dtype=np.float32) - np.float32(first)) / np.float32(span), 0, 1)
    blended: Array = frequencies / np.float32(factor) * ramp + frequencies * (1 - ramp)
    return blended.astype(np.float32)


def yarn_attention(factor: float, weight: float = 1.0) -> float:
    """What YaRN multiplies sine and cosine with, which sharpens attention over long contexts."""
    return 1.0 if factor <= 1 else 0.1 * weight * math.log(factor) + 1.0


def from_config(config: Reader, head_size: int, context: int) -> tuple[Rope, int]:
    """Rotary positions as config.json has them, in its old and its new form, and the longest context they make.

    Raises LoadError naming the key that is wrong or the kind that is not known.
    """
    values: dict[str, Any] = {}
    for key in ("rope_scaling", "rope_parameters"):
        given = config.get(key) or {}
        if not isinstance(given, dict):
            raise config.wrong(key, given, "an object")
        values |= given
    scaling = Reader(values, config.source, section="rope_parameters.")
    theta = scaling.number("rope_theta", config.number("rope_theta", 10000.0))
    for place in (scaling, config):
        if place.get("partial_rotary_factor") not in (None, 1):
            raise place.wrong("partial_rotary_factor", place.get("partial_rotary_factor"), "1")
    kind = values.get("rope_type", values.get("type", "default")) or "default"
    scale = _SCALINGS.get(kind)
    if scale is None:
        raise scaling.wrong("rope_type", kind, "one of " + ", ".join(f"'{name}'" for name in _SCALINGS))
    return scale(scaling, plain(head_size, theta), theta, context)


_Scaled = tuple[Rope, int]


def _default(scaling: Reader, frequencies: Array, theta: float, context: int) -> _Scaled:
    return Rope(frequencies), context


def _linear(scaling: Reader, frequencies: Array, theta: float, context: int) -> _Scaled:
    return Rope(linear(frequencies, scaling.number("factor"))), context


def _dynamic(scaling: Reader, frequencies: Array, theta: float, context: int) -> _Scaled:
    # The base grows with the length only beyond `context`, where nothing is served: frequencies that changed with the
    # length would make a token's keys depend on what comes after it, and no prefix could be shared.
    scaling.number("factor")
    return Rope(frequencies), context


def _llama3(scaling: Reader, frequencies: Array, theta: float, context: int) -> _Scaled:
    low, high = scaling.number("low_freq_factor"), scaling.number("high_freq_factor")
    if high <= low:
        raise scaling.wrong("high_freq_factor", high, f"above 'low_freq_factor', which is {low}")
    original = scaling.count("original_max_position_embeddings")
    return Rope(llama3(frequencies, scaling.number("factor"), low, high, original)), context


def _yarn(scaling: Reader, frequencies: Array, theta: float, context: int) -> _Scaled:
    original = scaling.count("original_max_position_embeddings", context)
    factor = scaling.number("factor", context / original)
    fast, slow = scaling.number("beta_fast", 32.0), scaling.number("beta_slow", 1.0)
    stretched = yarn(frequencies, theta, factor, fast, slow, original, scaling.get("truncate") is not False)
    attention = scaling.get("attention_factor")
    if attention is None:
        above, below = scaling.get("mscale"), scaling.get("mscale_all_dim")
        attention = yarn_attention(factor, above) / yarn_attention(factor, below) if above and below else None
    if attention is None:
        attention = yarn_attention(factor)
    return Rope(stretched, float(attention)), max(context, int(factor * original))


_SCALINGS: Mapping[str, Callable[[Reader, Array, float, int], _Scaled]] = {
    "default": _default,
    "linear": _linear,
    "dynamic": _dynamic,
    "llama3": _llama3,
    "yarn": _yarn,
}


def styled(rope: Rope, style: Style) -> Rope:
    """The same positions, with other elements turning together."""
    return Rope(rope.frequencies, rope.factor, style)
