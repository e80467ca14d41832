"""A model from a folder on a device: opened, probed and tried."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import structlog
import torch
from torch import Tensor

from jackfield.errors import LoadError
from jackfield_plugins.generation.torch_decoder.attention_trial import LARGE, queries_in_a_tile
from jackfield_plugins.generation.torch_decoder.pool import KeyValuePool
from jackfield_plugins.generation.transformers_decoder.interface import RUNNING, register, take_over
from jackfield_plugins.generation.transformers_decoder.passes import Passes
from jackfield_plugins.generation.transformers_decoder.probe import Probe, Site
from jackfield_plugins.generation.transformers_decoder.reference import reference
from jackfield_plugins.generation.transformers_decoder.steady import Steady, lengths, steady
from jackfield_plugins.generation.transformers_decoder.trial import TOKENS, Found, compare

log = structlog.get_logger("jackfield.generation")

Dtype = Literal["auto", "fp32", "bf16", "fp16"]
_DTYPES = {"auto": "auto", "fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_BLOCK = 16


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A model on `device`, in which `sites` attend over blocks. `context`: most positions that it is served with."""

    model: Any
    sites: tuple[Site, ...]
    device: torch.device
    dtype: torch.dtype
    vocabulary: int
    context: int
    found: Found
    steady: Steady

    @property
    def cached_numbers(self) -> int:
        """How many numbers are kept of a token: keys and values at all sites."""
        return sum(one.cached.heads * (one.cached.key_size + one.cached.value_size) for one in self.sites)


def open_model(
    folder: Path, source: str, vocabulary: int, context: int, dtype: Dtype = "auto", device: str = "cpu"
) -> Opened:
    """Open the model in `folder`, safetensors only. `dtype`: what it computes in; `auto` is what it is stored in.

    Raises LoadError naming `source` if its weights do not fit its configuration, or if it is not a model that gives
    transformers' own logits when it is run row by row over blocks.
    """
    target = torch.device(device)
    register()
    model = _loaded(folder, source, dtype, target)
    name = f"'{source}' ({type(model).__name__})"
    kind = model.get_output_embeddings().weight.dtype
    with torch.inference_mode():
        take_over(model)
        sites = _probed(model, name, vocabulary, context, target)
        each = [-(-length // _BLOCK) for length in (TOKENS, TOKENS, *lengths(context))]
        cached = [site.cached for site in sites]
        pool = KeyValuePool(cached, sum(each), _BLOCK, torch.float32, target)
        passes = Passes(model, sites, pool, target)

        def own(tokens: Tensor, start: int) -> Tensor:
            return reference(model, tokens.to(target), start)

        try:
            found = compare(name, passes, own, vocabulary, context, kind is not torch.float32)
            shapes = {(site.heads, site.cached) for site in sites}
            small, attends = queries_in_a_tile(shapes, target)
            agreed = steady(passes, vocabulary, context, small, LARGE, attends)
        except LoadError:
            raise
        except Exception as error:
            raise _cannot(name, error) from error
    return Opened(model, tuple(sites), target, kind, vocabulary, context, found, agreed)


def _loaded(folder: Path, source: str, dtype: Dtype, device: torch.device) -> Any:
    import transformers
    from transformers.utils import logging

    bars: Any = logging

    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()  # it would be drawn into the log
    try:
        opened: Any = transformers.AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=_DTYPES[dtype],
            attn_implementation="eager",
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    except Exception as error:  # whatever the library makes of a folder
        text = (str(error).splitlines() or [""])[0]
        raise LoadError(f"transformers cannot open '{source}': {type(error).__name__}: {text}") from error
    finally:
        if shown:
            bars.enable_progress_bar()
    model, about = opened
    if missing := sorted(about["missing_keys"]):
        raise LoadError(f"'{source}' lacks the tensor '{missing[0]}', which {type(model).__name__} needs")
    if wrong := sorted(about["mismatched_keys"]):
        tensor, stored, needed = wrong[0]
        raise LoadError(f"tensor '{tensor}' of '{source}' has the shape {list(stored)}, and must have {list(needed)}")
    if unused := sorted(about["unexpected_keys"]):
        log.warning("tensors that the model has no place for", source=source, count=len(unused), first=unused[0])
    return model.to(device).eval().requires_grad_(False)


def _probed(model: Any, name: str, vocabulary: int, context: int, device: torch.device) -> list[Site]:
    probe = Probe(name, model, context)
    tokens = torch.arange(min(4, context), device=device)[None] % vocabulary
    token = RUNNING.set(probe)
    try:
        positions = torch.arange(tokens.shape[1], device=device)[None]
        result = model(input_ids=tokens, position_ids=positions, use_cache=False)
    except LoadError:
        raise
    except Exception as error:  # whatever a model does without what we do not give it
        raise _cannot(name, error) from error
    finally:
        RUNNING.reset(token)
    if not probe.sites:
        raise LoadError(f"{name} does not attend through transformers' interface of attention: it cannot be run")
    if result.logits.shape[-1] != vocabulary:
        raise LoadError(f"{name} gives {result.logits.shape[-1]} logits, and its configuration says {vocabulary}")
    return probe.sites


def _cannot(name: str, error: Exception) -> LoadError:
    text = (str(error).splitlines() or [""])[0]
    return LoadError(f"{name} cannot be run row by row over blocks: {type(error).__name__}: {text}")
