"""The native step's shared library: finding it, saying why it is not there, and its functions' types."""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, c_char_p, c_double, c_float, c_int, c_int32, c_int64, c_uint8, c_uint64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

from jackfield.errors import LoadError
from jackfield_plugins.generation.native.compiling import LIBRARY, REASON

INTERFACE = 4
OTHER = "JACKFIELD_NATIVE_STEP"
"""Environment variable: path of a library to use instead, such as one built with sanitizers."""
SETS = ("avx2", "avx512")
"""Instruction sets by the library's numbers, the later the better."""


class Raw(ctypes.Structure):
    """A tensor as stored; `Raw` of source/stored.h."""

    _fields_ = [
        ("data", c_void_p),
        ("stride", c_int64),
        ("stored", c_int32),
        ("outputs", c_int32),
        ("inputs", c_int32),
    ]


class Shape(ctypes.Structure):
    """A decoder's sizes; `Shape` of source/decoder.h."""

    _fields_ = [
        *(
            (name, c_int32)
            for name in (
                *("layers", "hidden", "heads", "key_value_heads", "head_size", "feed_forward", "vocabulary"),
                *("block_size", "blocks", "half_cache", "pairs", "threads"),
            )
        ),
        ("epsilon", c_float),
        ("rope_factor", c_float),
    ]


class StepRows(ctypes.Structure):
    """A step's rows; `StepRows` of source/decoder.h."""

    _fields_ = [
        *((name, c_void_p) for name in ("tokens", "positions", "lines", "tables", "wanted")),
        *((name, c_int32) for name in ("rows", "table_lines", "table_blocks", "wanted_rows")),
    ]


class NotThere(LoadError):
    """The library cannot be had; the message says why, in a sentence."""


_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "interface": (c_int, ()),
    "error": (c_char_p, ()),
    "sets": (c_int, ()),
    "knows": (c_int, (c_int,)),
    "multiple": (c_int, (c_int,)),
    "linear_new": (c_void_p, (POINTER(Raw), POINTER(c_void_p), c_int, c_int, c_int)),
    "linear_free": (None, (c_void_p,)),
    "linear_bytes": (c_int64, (c_void_p,)),
    "linear_columns": (c_int, (c_void_p,)),
    "decoder_new": (c_void_p, (POINTER(Shape), c_void_p, c_int, POINTER(c_int), c_int)),
    "decoder_free": (None, (c_void_p,)),
    "decoder_layer": (None, (c_void_p, c_int, *(c_void_p,) * 8, c_int, c_int, c_int)),
    "decoder_ends": (None, (c_void_p, POINTER(Raw), c_void_p, c_void_p, c_int)),
    "decoder_step": (c_int, (c_void_p, POINTER(StepRows), c_void_p, c_int64)),
    "decoder_copy": (None, (c_void_p, c_void_p, c_int)),
    "decoder_ahead": (c_int, (c_void_p, POINTER(StepRows), c_int, c_void_p, c_int)),
    "decoder_times": (None, (c_void_p, POINTER(c_uint64))),
    "floats": (None, (c_int, c_void_p, c_int, c_void_p)),
    "linear_run": (c_int, (c_void_p, c_int, c_void_p, c_int, c_void_p, c_int, c_int)),
    "quantise": (None, (c_int, c_void_p, c_int, c_void_p)),
    "wants_pairs": (c_int, (c_int,)),
    "norm": (None, (c_int, c_void_p, c_void_p, c_float, c_int, c_int, c_void_p)),
    "activate": (None, (c_int, c_void_p, c_void_p, c_int, c_void_p)),
    "exponential": (None, (c_int, c_void_p, c_int, c_void_p)),
    "rotate": (None, (c_int, c_void_p)),
    "attend": (None, (c_int, c_void_p)),
    "sampler_new": (c_void_p, (c_int, c_int, c_int)),
    "sampler_free": (None, (c_void_p,)),
    "sampler_choose": (None, (c_void_p, c_void_p, c_int64, c_void_p, c_void_p, c_int, c_void_p, c_void_p)),
    "phases": (c_int, (c_int, c_int)),
    "ahead": (None, (*(c_void_p,) * 3, c_int, c_void_p, c_int, c_void_p, c_int, c_void_p)),
    "read_rate": (c_double, (c_int, POINTER(c_uint8), c_int64, c_int)),
    "product_rate": (c_double, (c_int, c_int, c_int64)),
}


class Library:
    """The library's functions, without their prefix. Calls release the GIL. Any thread."""

    def __init__(self, path: str) -> None:
        self._library = ctypes.CDLL(path)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(self._library, f"jackfield_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:  # for the type checker: the functions are attributes
        raise AttributeError(name)

    def sets_here(self) -> tuple[str, ...]:
        """The instruction sets that this processor has, the best last."""
        bits = self.sets()
        return tuple(name for number, name in enumerate(SETS) if bits & (1 << number))

    def said(self) -> str:
        """What went wrong in this thread's last call that failed."""
        text: bytes = self.error()
        return text.decode()


@cache
def library() -> Library:
    """The library. Raises NotThere."""
    path = Path(os.environ.get(OTHER) or LIBRARY)
    if not path.exists():
        written = REASON.read_text().strip() if REASON.exists() else "it was not built with the package"
        raise NotThere(f"the native step is not there: {written}")
    try:
        found = Library(str(path))
    except (OSError, AttributeError) as problem:
        raise NotThere(f"the native step cannot be loaded: {problem}") from problem
    if found.interface() != INTERFACE:
        raise NotThere("the native step is of another version of the package; install the package again")
    if not found.sets_here():
        raise NotThere("the native step needs AVX2, FMA and F16C, and this processor lacks one of them")
    return found


def availability() -> tuple[bool, str]:
    """Whether the native step can run here, and what there is to know: its instruction sets, or why not."""
    try:
        here = library().sets_here()
        return True, f"instruction set {here[-1]} in force (it has {', '.join(here)})"
    except NotThere as problem:
        return False, str(problem)
