"""Whether a folder holds a decoder that transformers knows, and can be run row by row. No weights are looked at."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jackfield.errors import LoadError

_SERVED = frozenset({"full_attention", "sliding_attention"})
_ABOUT_NETWORKS = frozenset({"dense", "sparse"})  # listed beside the kinds of attention, and nothing to us
_CHANGING = {"longrope": "original_max_position_embeddings", "dynamic": "max_position_embeddings"}
"""Rotary positions whose frequencies change for all tokens where the longest text grows beyond so many positions."""


@dataclass(frozen=True, slots=True)
class Suitable:
    """A model that can be opened. `vocabulary`: logits of a row; `context`: most positions."""

    name: str
    vocabulary: int
    context: int


def installed() -> bool:
    """Whether transformers and PyTorch are there."""
    return all(importlib.util.find_spec(name) is not None for name in ("transformers", "torch"))


def suitable(folder: Path, given: Mapping[str, Any], source: str) -> Suitable:
    """What transformers knows of the model in `folder`, whose config.json holds `given`, its architectures among it.

    Raises LoadError naming `source` and what the model needs that cannot be given. Imports transformers; code in the
    folder is never run.
    """
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES  # type: ignore[attr-defined]
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    models: list[str] = given["architectures"]
    kind = given.get("model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING_NAMES:
        raise LoadError(
            f"'{source}' is of the architecture '{', '.join(models)}', which neither jackfield nor transformers "
            f"{transformers.__version__} knows; code in a checkpoint is never run"
        )
    if (folder / "adapter_config.json").exists():
        raise LoadError(f"'{source}' holds an adapter to another model: merge the two and serve the result")
    if given.get("quantization_config"):
        raise LoadError(f"'{source}' has quantised weights, which are read from GGUF only: serve the original")
    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # whatever a configuration class makes of a document
        text = (str(error).splitlines() or [""])[0]
        raise LoadError(f"transformers cannot read '{source}/config.json': {type(error).__name__}: {text}") from error
    if config.is_encoder_decoder:
        raise LoadError(f"'{source}' is an encoder with a decoder ({', '.join(models)}), and only decoders are run")
    if config.get_text_config() is not config:
        raise LoadError(f"'{source}' reads more than text ({', '.join(models)}), and only decoders of text are run")
    name: str | None = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(config.model_type)
    if name is None or name not in models:
        raise LoadError(
            f"'{source}' is of the architecture '{', '.join(models)}', which is no decoder that transformers "
            f"generates text with" + (f": that is '{name}'" if name else "")
        )
    return _checked(config, getattr(transformers, name), source)


def _checked(config: Any, model: Any, source: str) -> Suitable:
    kinds = set(getattr(config, "layer_types", None) or ()) - _ABOUT_NETWORKS
    about = f"'{source}' ({model.__name__})"
    if foreign := sorted(kinds - _SERVED):
        raise LoadError(f"{about} has layers of the kind '{foreign[0]}', and only attention to all or a window is run")
    if model._is_stateful and not kinds:
        raise LoadError(
            f"{about} keeps a state in place of keys and values, as state-space models do, and cannot be run"
        )
    parameters = inspect.signature(model.forward).parameters
    if missing := [name for name in ("position_ids", "cache", "logits_to_keep") if name not in parameters]:
        raise LoadError(f"{about} takes no '{missing[0]}', without which it cannot be run row by row")
    if getattr(config, "add_cross_attention", False):
        raise LoadError(f"{about} attends to an encoder's output too, and only decoders are run")
    vocabulary, context = (_count(config, key, source) for key in ("vocab_size", "max_position_embeddings"))
    return Suitable(model.__name__, vocabulary, _steady_context(config, context))


def _count(config: Any, key: str, source: str) -> int:
    value = getattr(config, key, None)
    if isinstance(value, bool) or not isinstance(value, int) or value < 2:
        raise LoadError(f"'{key}' of '{source}/config.json' is {value!r}, and must be a whole number from 2 on")
    return value


def _steady_context(config: Any, context: int) -> int:
    """How far positions stay what they are: beyond, a token's keys would depend on how long the longest text of a step
    is, and no two requests could share one."""
    given = getattr(config, "rope_parameters", None) or {}
    for one in (given, *(value for value in given.values() if isinstance(value, dict))):
        key = _CHANGING.get(str(one.get("rope_type")))
        limit = None if key is None else one.get(key) or getattr(config, key, None)
        if limit is not None:
            context = min(context, int(limit))
    return context
