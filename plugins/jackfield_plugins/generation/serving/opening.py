"""A checkpoint and a decoder become an executor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from jackfield import Artifact
from jackfield.errors import LoadError
from jackfield_plugins.generation.checkpoints.checkpoint import Checkpoint, TextCheckpoint
from jackfield_plugins.generation.decoder import Decoder
from jackfield_plugins.generation.executor import GenerationExecutor
from jackfield_plugins.generation.language import Language, default_parameters
from jackfield_plugins.generation.serving.memory import BLOCK, block_bytes, blocks_of, cached_numbers, free_memory
from jackfield_plugins.generation.serving.options import DecoderOptions
from jackfield_plugins.generation.spec import DecoderSpec
from jackfield_plugins.generation.text.chat_template import ChatTemplate

log = structlog.get_logger("jackfield.generation")


def opened(
    artifact: Artifact, options: DecoderOptions, make: Callable[[DecoderSpec, int], Decoder]
) -> GenerationExecutor:
    """The executor of a Checkpoint; `make` gets the specification and the number of blocks. See `executor_of`."""
    checkpoint: Checkpoint = artifact.content
    spec = checkpoint.spec
    spec = replace(spec, context=context_of(spec.context, options, artifact.source))
    return executor_of(artifact, options, spec.context, cached_numbers(spec), lambda blocks: make(spec, blocks))


def executor_of(
    artifact: Artifact, options: DecoderOptions, context: int, numbers: int, make: Callable[[int], Decoder]
) -> GenerationExecutor:
    """The executor of `artifact`, with a KV cache within its budget and its templates compiled; `make` gets the number
    of blocks. `context`: the one in force; `numbers`: how many are kept of a token. Raises LoadError, and then nothing
    is left running."""
    checkpoint: TextCheckpoint = artifact.content
    blocks, block = blocks_of(numbers, context, options, free_memory()), block_bytes(numbers, options.cache)
    template = ChatTemplate(artifact.source, checkpoint.templates.by_name, checkpoint.templates.tokens)
    defaults = checkpoint.defaults
    language = Language(checkpoint.tokenizer, template, context, defaults.stop, default_parameters(defaults))
    try:
        if checkpoint.templates.by_name:
            template.check()
        decoder = _made(make, blocks, block, artifact.source)
        try:
            log.info("decoder", source=artifact.source, **_about(decoder, block), **_seconds(checkpoint))
            executor = _joined(decoder, language, options)
            log.info("sampler", source=artifact.source, sampler=executor.sampler.name, about=executor.sampler.about)
            return executor
        except BaseException:
            decoder.close()
            raise
    except BaseException:
        language.close()
        raise


def _made(make: Callable[[int], Decoder], blocks: int, block: int, source: str) -> Decoder:
    try:
        return make(blocks)
    except MemoryError as error:
        raise LoadError(
            f"'{source}' with a KV cache of {blocks} blocks, {blocks * block / 2**20:.0f} MiB, does not fit into "
            f"memory: {error}"
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


def context_of(most: int, options: DecoderOptions, source: str) -> int:
    """The context in force; raises LoadError if `options` want more than the `most` that `source` can have."""
    if options.context is None:
        return most
    if options.context > most:
        raise LoadError(f"context {options.context} is more than the {most} that '{source}' was made for")
    return options.context


def _about(decoder: Decoder, block: int) -> dict[str, object]:
    mib = decoder.blocks * block // 2**20
    return {
        **{name.replace(" ", "_"): value for name, value in decoder.describe().items()},
        "kv_tokens": decoder.blocks * BLOCK,
        "kv_mib": mib,
        "context": decoder.context,
    }


def _seconds(checkpoint: TextCheckpoint) -> dict[str, float]:
    return {f"{phase}_s": round(seconds, 3) for phase, seconds in checkpoint.seconds.items()}
