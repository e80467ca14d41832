"""Backend `transformers`: whatever decoder transformers has, with attention over our blocks."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Literal

from jackfield import Artifact, Backend, Device, Executor
from jackfield_plugins.generation.checkpoints.checkpoint import FOLDER_KIND, FolderCheckpoint
from jackfield_plugins.generation.serving.memory import BLOCK
from jackfield_plugins.generation.serving.opening import context_of, executor_of
from jackfield_plugins.generation.serving.options import DecoderOptions


class TransformersOptions(DecoderOptions):
    """Options of the backend `transformers`. `threads` is one number for the whole process: the model that is opened
    last decides; 0 leaves it to PyTorch."""

    dtype: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """What the model computes in. `auto`: what its weights are stored in. Attention is computed in fp32 in any case."""


class TransformersBackend(Backend):
    """Runs artifacts of the kind `transformers-decoder`. A model is tried when it is opened: one that does not give
    transformers' own logits over blocks is refused."""

    options = TransformersOptions
    settings: TransformersOptions
    requires = ("torch", "transformers")
    extra = "transformers"
    accepts = frozenset({FOLDER_KIND})

    @classmethod
    def devices(cls) -> Sequence[Device]:
        """The processor; none if PyTorch cannot be imported."""
        try:
            import torch
        except Exception:  # what is broken cannot be used
            return []
        about = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}, transformers' models"
        return [Device("cpu", "cpu", about)]

    def open(self, artifact: Artifact, device: Device) -> Executor:
        """Open the model, try it and make an executor; raises LoadError."""
        import torch

        from jackfield_plugins.generation.transformers_decoder.decoder import TransformersDecoder
        from jackfield_plugins.generation.transformers_decoder.opening import open_model

        options = self.settings
        threads = options.threads or device.threads
        if threads:
            torch.set_num_threads(threads)
        checkpoint: FolderCheckpoint = artifact.content
        context = context_of(checkpoint.context, options, artifact.source)
        opened = open_model(
            checkpoint.folder, artifact.source, checkpoint.vocabulary, context, options.dtype, device.name
        )
        return executor_of(
            artifact,
            options,
            context,
            opened.cached_numbers,
            lambda blocks: TransformersDecoder(opened, blocks, BLOCK, options.cache),
        )
