"""How the native decoder stores weights, computes, and uses the processor."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

Storage = Literal["auto", "fp32", "half", "blocks", "int8"]
Arithmetic = Literal["float", "integer"]
InstructionSet = Literal["auto", "avx2", "avx512"]


@dataclass(frozen=True, slots=True)
class NativeOptions:
    """Options of the native decoder.

    `storage`: `auto` keeps each tensor as the checkpoint stores it, or as fp32 where the kernels do not know its codes;
    `fp32`; `half` keeps a bf16 or f16 checkpoint's numbers and rounds others to f16; `blocks` a GGUF's own codes, and
    nothing else for them; `int8` codes with a scale for each output and 32 inputs. `arithmetic`: `float`, or `integer`
    products of codes with activations in 8 bits (`blocks` and `int8`). `cache`: datatype of keys and values. `threads`:
    0 is as many as this process may use processors. `pin`: each thread to a processor of its own. `instruction_set`:
    `auto` is the best that the processor has.
    """

    storage: Storage = "auto"
    arithmetic: Arithmetic = "float"
    cache: Literal["fp32", "half"] = "fp32"
    threads: int = 0
    instruction_set: InstructionSet = "auto"
    pin: bool = False

    def threads_here(self) -> int:
        """The number of threads that is in force."""
        return self.threads or len(os.sched_getaffinity(0))
