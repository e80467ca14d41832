"""Backend `encoder`: a text encoder in PyTorch's own operations on the CPU."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Annotated

import structlog
from pydantic import Field

from jackfield import Artifact, Backend, Device, Executor, Options
from jackfield.errors import LoadError
from jackfield_plugins.encoding.checkpoint import KIND, EncoderCheckpoint
from jackfield_plugins.encoding.executor import EncoderExecutor
from jackfield_plugins.encoding.spec import Pooling
from jackfield_plugins.encoding.text_encoder import TextEncoder

log = structlog.get_logger("jackfield.encoding")


class EncoderOptions(Options):
    """Options of the backend `encoder`."""

    pooling: Pooling | None = None
    """How a text's tokens become one vector; None: as the folder says (1_Pooling/config.json), else their mean."""
    normalize: bool | None = None
    """Whether embeddings have unit length; None: as the folder says (modules.json), else they do not."""
    max_tokens: Annotated[int, Field(ge=16)] | None = None
    """Most tokens of a text; None: as the folder says (sentence_bert_config.json), else as many as have positions."""
    truncate: bool = False
    """Whether a longer text is cut; otherwise it is refused."""
    threads: Annotated[int, Field(ge=1)] | None = None
    """Threads of one operator; None: PyTorch's own choice. One number for the whole process: the model that is opened
    last decides."""


class EncoderBackend(Backend):
    """Runs artifacts of the kind `encoder` in inference mode. Arithmetic in float32."""

    options = EncoderOptions
    settings: EncoderOptions
    requires = ("torch", "tokenizers")
    extra = "cpu,text"
    accepts = frozenset({KIND})

    @classmethod
    def devices(cls) -> Sequence[Device]:
        """The processor; none if PyTorch cannot be imported."""
        try:
            import torch
        except Exception:  # what is broken cannot be used
            return []
        return [Device("cpu", "cpu", f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}")]

    def open(self, artifact: Artifact, device: Device) -> Executor:
        """Make an executor; raises LoadError if `max_tokens` is more than the model can take."""
        import torch

        from jackfield_plugins.encoding.torch_encoder.encoder import TorchEncoder

        checkpoint: EncoderCheckpoint = artifact.content
        spec, sentences, settings = checkpoint.spec, checkpoint.sentences, self.settings
        if settings.max_tokens is not None and settings.max_tokens > spec.context:
            raise LoadError(
                f"max_tokens {settings.max_tokens} is more than the {spec.context} that '{artifact.source}' has "
                "positions for"
            )
        threads = settings.threads or device.threads
        if threads is not None:
            torch.set_num_threads(threads)
        limit = settings.max_tokens or min(sentences.limit or spec.context, spec.context)
        encoder = TorchEncoder(
            spec,
            settings.pooling or sentences.pooling,
            sentences.normalize if settings.normalize is None else settings.normalize,
        )
        about = TextEncoder(checkpoint.tokenizer, limit, spec.hidden, settings.truncate)
        log.info(
            "encoder",
            source=artifact.source,
            max_tokens=limit,
            **{name.replace(" ", "_"): value for name, value in encoder.describe().items()},
            **{f"{phase}_s": round(seconds, 3) for phase, seconds in checkpoint.seconds.items()},
        )
        return EncoderExecutor(encoder, about, spec.vocabulary)
