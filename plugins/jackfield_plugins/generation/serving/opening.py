"""A checkpoint and a decoder become an executor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from jackfield import Artifact
from jackfield.errors import LoadError
from jackfield_plugins.generation.checkpoints.checkpoint import Checkpoint
from jackfield_plugins.generation.decoder import Decoder
from jackfield_plugins.generation.executor import GenerationExecutor
from jackfield_plugins.generation.language import Language, default_parameters
from jackfield_plugins.generation.serving.memory import BLOCK, block_bytes, blocks_of, free_memory
from jackfield_plugins.generation.serving.options import DecoderOptions
from jackfield_plugins.generation.spec import DecoderSpec
from jackfield_plugins.generation.text.chat_template import ChatTemplate

log = structlog.get_logger("jackfield.generation")


def opened(
    artifact: Artifact, options: DecoderOptions, make: Callable[[DecoderSpec, int], Decoder]
) -> GenerationExecutor:
    """The executor of `artifact`, with a KV cache within its budget and its templates compiled; `make` gets the
    specification and the number of blocks. Raises LoadError, and then nothing is left running."""
    checkpoint: Checkpoint = artifact.content
    spec = _within(checkpoint.spec, options, artifact.source)
    blocks = blocks_of(spec, options, free_memory())
    template = ChatTemplate(artifact.source, checkpoint.templates.by_name, checkpoint.templates.tokens)
    defaults = checkpoint.defaults
    language = Language(checkpoint.tokenizer, template, spec.context, defaults.stop, default_parameters(defaults))
    try:
        if checkpoint.templates.by_name:
            template.check()
        decoder = _made(make, spec, blocks, options, artifact.source)
        try:
            log.info("decoder", source=artifact.source, **_about(decoder, spec, options), **_seconds(checkpoint))
            return _joined(decoder, language, options)
        except BaseException:
            decoder.close()
            raise
    except BaseException:
        language.close()
        raise


def _made(
    make: Callable[[DecoderSpec, int], Decoder], spec: DecoderSpec, blocks: int, options: DecoderOptions, source: str
) -> Decoder:
    try:
        return make(spec, blocks)
    except MemoryError as error:
        raise LoadError(
            f"'{source}' with a KV cache of {blocks} blocks, {blocks * block_bytes(spec, options.cache) / 2**20:.0f} "
            f"MiB, does not fit into memory: {error}"
        ) from error


def _joined(decoder: Decoder, language: Language, options: DecoderOptions) -> GenerationExecutor:
    executor = GenerationExecutor(
        decoder,
        language.tokenizer.detokenizer,
        language.ends,
        options.max_sequences,
        options.prefix_caching,
        language.defaults,
        language.close,
    )
    executor.about = language
    return executor


def _within(spec: DecoderSpec, options: DecoderOptions, source: str) -> DecoderSpec:
    if options.context is None:
        return spec
    if options.context > spec.context:
        raise LoadError(f"context {options.context} is more than the {spec.context} that '{source}' was made for")
    return replace(spec, context=options.context)


def _about(decoder: Decoder, spec: DecoderSpec, options: DecoderOptions) -> dict[str, object]:
    mib = decoder.blocks * block_bytes(spec, options.cache) // 2**20
    return {
        **{name.replace(" ", "_"): value for name, value in decoder.describe().items()},
        "kv_tokens": decoder.blocks * BLOCK,
        "kv_mib": mib,
        "context": spec.context,
    }


def _seconds(checkpoint: Checkpoint) -> dict[str, float]:
    return {f"{phase}_s": round(seconds, 3) for phase, seconds in checkpoint.seconds.items()}
