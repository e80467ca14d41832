"""How a folder wants texts to be embedded, as sentence-transformers writes it: modules.json and what it names.

A folder without such files is embedded as sentence-transformers itself would: the mean of all tokens, not normalised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jackfield.errors import LoadError
from jackfield_plugins.encoding.spec import Pooling
from jackfield_plugins.generation.checkpoints.folder import Folder

_MODES: dict[str, Pooling] = {"mean": "mean", "cls": "cls", "max": "max", "lasttoken": "last"}
_SWITCHES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""What the modes were called before there was `pooling_mode`."""


@dataclass(frozen=True, slots=True)
class Sentences:
    """`normalize`: whether embeddings have unit length. `limit`: most tokens of a text; None: nothing says so."""

    pooling: Pooling = "mean"
    normalize: bool = False
    limit: int | None = None


def sentences_of(folder: Folder) -> Sentences:
    """What the folder says; raises LoadError naming the file, and what in it cannot be done here."""
    limit = folder.document("sentence_bert_config.json").get("max_seq_length")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        place = folder.place("sentence_bert_config.json")
        raise LoadError(f"'max_seq_length' of '{place}' is {limit!r}, and must be a whole number from 1 on, or null")
    modules = folder.objects("modules.json")
    if modules is None:
        return Sentences(_pooling(folder, "1_Pooling"), False, limit)
    pooling: Pooling = "mean"
    kinds = [str(module.get("type")).rpartition(".")[2] for module in modules]
    for number, (module, kind) in enumerate(zip(modules, kinds, strict=True)):
        wanted = ("Transformer", "Pooling", "Normalize")[number] if number < 3 else None
        if kind != wanted:
            raise LoadError(
                f"'{folder.place('modules.json')}' names the modules {', '.join(kinds)}, and only a Transformer, a "
                "Pooling and a Normalize, in this order, can be computed here"
            )
        if kind == "Pooling":
            path = module.get("path")
            if not isinstance(path, str) or path.startswith("/") or ".." in path:
                raise LoadError(f"'path' of '{folder.place('modules.json')}' is {path!r}, and must be a folder in it")
            pooling = _pooling(folder, path)
    return Sentences(pooling, "Normalize" in kinds, limit)


def _pooling(folder: Folder, path: str) -> Pooling:
    name = f"{path}/config.json"
    config = folder.document(name)
    modes = _modes(config)
    if len(modes) != 1 or modes[0] not in _MODES:
        given = " and ".join(f"'{mode}'" for mode in modes)
        known = ", ".join(f"'{mode}'" for mode in _MODES)
        raise LoadError(f"'{folder.place(name)}' wants the pooling {given}, and must want one of {known}")
    return _MODES[modes[0]]


def _modes(config: dict[str, Any]) -> list[str]:
    given = config.get("pooling_mode")
    if given is None:
        return [mode for switch, mode in _SWITCHES.items() if config.get(switch) is True] or ["mean"]
    return [str(mode) for mode in given] if isinstance(given, list) else [str(given)]
