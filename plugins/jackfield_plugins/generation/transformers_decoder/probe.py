"""One pass through a model that computes no attention and finds out how the model calls it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from jackfield.errors import LoadError
from jackfield_plugins.generation.torch_decoder.attention import Scoring
from jackfield_plugins.generation.torch_decoder.pool import Cached
from jackfield_plugins.generation.transformers_decoder.interface import Call, MaskFunction
from jackfield_plugins.generation.transformers_decoder.masks import UnservedMask, window_of

_HARMLESS = frozenset({
    "cache", "cache_position", "cu_seq_lens_k", "cu_seq_lens_q", "deterministic", "logits_to_keep", "max_length_k",
    "max_length_q", "num_items_in_batch", "output_attentions", "output_hidden_states", "output_router_logits",
    "past_key_values", "position_ids", "return_dict", "use_cache",
})  # fmt: skip
"""Arguments that change nothing of what is attended to: they came in with the model's own."""


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A place at which a model attends, in the order of its calls: a module may stand at several."""

    module: torch.nn.Module
    heads: int
    cached: Cached
    scoring: Scoring


class Probe:
    """Collects `sites`. Raises LoadError naming `model` and the module that wants what attention over blocks cannot
    give."""

    def __init__(self, name: str, model: torch.nn.Module, context: int) -> None:
        self.sites: list[Site] = []
        self._name = name
        self._names = {id(module): where for where, module in model.named_modules()}
        self._context = context
        self._masks: list[MaskFunction] = []
        self._windows: dict[int, int] = {}

    def mask(self, function: MaskFunction) -> Tensor:
        """A tensor that says which mask this is, and survives to be sliced and expanded."""
        self._masks.append(function)
        return torch.full((1, 1, 1, 1), len(self._masks) - 1)

    def attended(self, call: Call) -> Tensor:
        """Nothing of that shape."""
        where = self._names.get(id(call.module), type(call.module).__name__)
        rows, heads, width = call.queries.shape
        shared, across = call.keys.shape[1], call.values.shape[2]
        if len(call.keys) != rows or len(call.values) != rows:
            raise self._refused(where, "attends to other rows than those of the step")
        if call.values.shape[1] != shared or heads % shared or call.keys.shape[2] != width:
            raise self._refused(where, f"has {heads} heads over {shared} that do not share evenly")
        for name, value in call.others.items():
            if name not in _HARMLESS and value is not None and value is not False:
                raise self._refused(where, f"gives attention an argument '{name}'")
        if not isinstance(call.scale, int | float) or not isinstance(call.softcap or 0.0, int | float):
            raise self._refused(where, "computes its scale from the inputs")
        sinks = None if call.sinks is None else call.sinks.detach().float()
        if sinks is not None and sinks.shape != (heads,):
            raise self._refused(where, f"has sinks of the shape {list(sinks.shape)}")
        scoring = Scoring(float(call.scale), self._window(call, where), float(call.softcap or 0.0), sinks)
        self.sites.append(Site(call.module, heads, Cached(shared, width, across), scoring))
        return call.queries.new_zeros(rows, heads, across)

    def _window(self, call: Call, where: str) -> int:
        if call.mask is None:
            if not call.causal:
                raise self._refused(where, "attends to what comes after a token")
            return 0
        number = int(call.mask.flatten()[0]) if call.mask.numel() else -1
        if call.mask.dtype != torch.int64 or not 0 <= number < len(self._masks):
            raise self._refused(where, "makes a mask of its own")
        if number not in self._windows:
            try:
                self._windows[number] = window_of(self._masks[number], self._context)
            except UnservedMask as error:
                raise self._refused(where, str(error)) from error
        return self._windows[number]

    def _refused(self, where: str, why: str) -> LoadError:
        return LoadError(f"{self._name}: '{where}' {why}, which attention over blocks cannot give")
