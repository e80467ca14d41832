"""Backend `torch-decoder`: a decoder in PyTorch's own operations on the CPU."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Literal

from jackfield import Artifact, Backend, Device, Executor
from jackfield_plugins.generation.checkpoints.checkpoint import KIND
from jackfield_plugins.generation.decoder import Decoder
from jackfield_plugins.generation.serving.memory import BLOCK
from jackfield_plugins.generation.serving.opening import opened
from jackfield_plugins.generation.serving.options import DecoderOptions
from jackfield_plugins.generation.spec import DecoderSpec


class TorchDecoderOptions(DecoderOptions):
    """Options of the backend `torch-decoder`. `threads` is one number for the whole process: the model that is opened
    last decides; 0 leaves it to PyTorch."""

    storage: Literal["auto", "fp32", "half"] = "auto"
    """What weights are kept in. `auto`: as the checkpoint stores them, quantised ones as fp32; `half`: a bf16 or f16
    checkpoint's own numbers, others rounded to f16."""


class TorchDecoderBackend(Backend):
    """Runs artifacts of the kind `decoder` wherever PyTorch runs. Arithmetic in float32."""

    options = TorchDecoderOptions
    settings: TorchDecoderOptions
    requires = ("torch",)
    extra = "cpu"
    accepts = frozenset({KIND})

    @classmethod
    def devices(cls) -> Sequence[Device]:
        """The processor; none if PyTorch cannot be imported."""
        try:
            import torch
        except Exception:  # what is broken cannot be used
            return []
        about = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}, PyTorch's operations"
        return [Device("cpu", "cpu", about)]

    def open(self, artifact: Artifact, device: Device) -> Executor:
        """Make an executor; raises LoadError."""
        import torch

        threads = self.settings.threads or device.threads
        if threads:
            torch.set_num_threads(threads)
        return opened(artifact, self.settings, self._decoder)

    def _decoder(self, spec: DecoderSpec, blocks: int) -> Decoder:
        from jackfield_plugins.generation.torch_decoder.decoder import TorchDecoder

        return TorchDecoder(spec, blocks, BLOCK, self.settings.storage, self.settings.cache)
