"""Backend `native`: a decoder in one C++ step on the CPU."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from typing import Literal

import structlog

from jackfield import Artifact, Backend, Device, Executor
from jackfield.errors import LoadError
from jackfield_plugins.generation.checkpoints.checkpoint import KIND
from jackfield_plugins.generation.native import NativeDecoder, NativeOptions, availability
from jackfield_plugins.generation.serving.memory import BLOCK
from jackfield_plugins.generation.serving.opening import opened
from jackfield_plugins.generation.serving.options import DecoderOptions
from jackfield_plugins.generation.spec import DecoderSpec

log = structlog.get_logger("jackfield.generation")


class NativeBackendOptions(DecoderOptions):
    """Options of the backend `native`."""

    storage: Literal["auto", "fp32", "half", "blocks", "int8"] = "auto"
    """What the matrices are kept in. `auto`: as the checkpoint stores them, losing nothing; those in a quantisation
    whose codes the kernels do not know (IQ, TQ, MXFP4 …) as fp32, which the log says. `half`: a bf16 or f16
    checkpoint's own numbers, others rounded to f16. `blocks`: a GGUF's own codes, beside matrices that it keeps in
    floats; refused where it has codes that the kernels do not know. `int8`: codes with a scale for each output and 32
    inputs. Bits that a weight takes in memory, and that a step reads, scales and offsets included: 32 in fp32; 16 in
    f16 and bf16; 8.5 in int8; of a GGUF's own codes, which are laid out as 4 or 8 bits, 4.5 in Q4_0, 5 in Q4_1, 8.5 in
    Q5_0, 9 in Q5_1, 8.5 in Q8_0, 8 in Q2_K, 6 in Q3_K, 6 in Q4_K, 10 in Q5_K, 10 in Q6_K."""
    arithmetic: Literal["float", "integer"] = "float"
    """`float`: products and sums in fp32. `integer`: activations in 8 bits by row and group, integer products; faster,
    and not quite the same tokens. Needs codes: those of `blocks` (or `auto` of a GGUF that has them), or `int8`;
    matrices that a GGUF keeps in floats stay in floats."""
    instruction_set: Literal["auto", "avx2", "avx512"] = "auto"
    """Instruction set of the kernels; `auto`: the best that the processor has."""
    pin: bool = False
    """Whether each thread is bound to a processor of its own: of those of `cores`, or else of this process. Several
    replicas need `cores: divide`, or lists that do not overlap; so do several models that pin."""


class NativeBackend(Backend):
    """Runs artifacts of the kind `decoder`. A row's logits are the same bits in any company, in every mode."""

    options = NativeBackendOptions
    settings: NativeBackendOptions
    accepts = frozenset({KIND})

    @classmethod
    def unavailable(cls) -> str | None:
        """Why the library cannot be used here."""
        there, why = availability()
        return None if there else why

    @classmethod
    def devices(cls) -> Sequence[Device]:
        """The processor, if the library can run on it."""
        there, about = availability()
        threads = len(os.sched_getaffinity(0)) if there else 0
        return [Device("cpu", "cpu", f"{platform.machine()}, {about}, threads: {threads}")] if there else []

    def open(self, artifact: Artifact, device: Device) -> Executor:
        """Lay the weights out and make an executor; raises LoadError for a checkpoint that the kernels do not fit, or
        an option that the checkpoint or the processor cannot have."""
        own = self.settings
        if own.pin:
            check_apart(device)
        options = NativeOptions(
            own.storage, own.arithmetic, own.cache, own.threads or device.threads or 0, own.instruction_set, own.pin
        )

        def make(spec: DecoderSpec, blocks: int) -> NativeDecoder:
            decoder = NativeDecoder(spec, blocks, BLOCK, options, self.told)
            if decoder.widened:
                log.warning(
                    "weights are held as fp32",
                    source=artifact.source,
                    stored=", ".join(decoder.widened),
                    reason="the native kernels do not compute with codes of these types",
                )
            return decoder

        return opened(artifact, own, make)


def check_apart(device: Device) -> None:
    """Raise LoadError if the processors that this thread may use are those of other replicas too: all would pin their
    threads to the same."""
    here = len(os.sched_getaffinity(0))
    if device.threads is not None and device.threads < here:
        raise LoadError(
            f"pin cannot be had: this replica's share is {device.threads} of {here} processors, and which they are is "
            "not said; set `cores: divide`, or a list for each replica"
        )
