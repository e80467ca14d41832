"""The most tokens a second that the machine allows for a whole load in fp32: all prompts prefilled in one step, then
steps in which every sequence decodes, each at the rate at which memory is read or at that of products of floats,
whichever takes longer."""

from __future__ import annotations

import os

import numpy as np

from benchmarks.decoder import BLOCK, decoding, least, parameters, rates
from jackfield_plugins.generation.decoder import TokenRows
from jackfield_plugins.generation.native import NativeOptions
from jackfield_plugins.generation.native.library import SETS, library
from jackfield_plugins.generation.spec import DecoderSpec


def machine() -> tuple[float, float]:
    """Bytes read, and products of floats, a second, with as many threads as there are processors."""
    best = SETS.index(library().sets_here()[-1])
    return rates(len(os.sched_getaffinity(0)), best)


def most(spec: DecoderSpec, sequences: int, prompt: int, tokens: int, read: float, products: float) -> float:
    """Tokens out a second of `sequences` that share their steps, each with `prompt` tokens in and `tokens` out."""
    weights = 4 * sum(parameters(spec))

    def took(rows: TokenRows) -> float:
        return least(spec, weights, rows, NativeOptions(storage="fp32"), read, products)

    seconds = took(prefilling(sequences, prompt))
    seconds += sum(took(decoding(sequences, prompt + number)) for number in range(1, tokens))
    return sequences * tokens / seconds


def prefilling(sequences: int, length: int) -> TokenRows:
    """All rows of so many prompts, of which each one's last logits are wanted."""
    a_line = -(-length // BLOCK)
    tables = np.arange(sequences * a_line, dtype=np.int32).reshape(sequences, a_line)
    positions = np.tile(np.arange(length, dtype=np.int32), sequences)
    lines = np.repeat(np.arange(sequences, dtype=np.int32), length)
    wanted = np.arange(length - 1, sequences * length, length, dtype=np.int32)
    return TokenRows(np.zeros(sequences * length, np.int32), positions, lines, tables, wanted)
