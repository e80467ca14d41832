"""What the weights of a checkpoint are kept in: what was asked for, or an error; and what is to be said of it."""

from __future__ import annotations

from collections.abc import Iterable

from jackfield.errors import LoadError
from jackfield_plugins.generation.native.options import NativeOptions
from jackfield_plugins.generation.native.weights import AS_FULL, AS_HALF, AS_INT8, AS_STORED, NUMBERS, PLAIN
from jackfield_plugins.generation.spec import DecoderSpec, Weight

_STORAGES = {"auto": AS_STORED, "blocks": AS_STORED, "fp32": AS_FULL, "half": AS_HALF, "int8": AS_INT8}


def matrices(spec: DecoderSpec) -> list[Weight]:
    """Every matrix that takes part in products."""
    found = [spec.head.weight]
    for layer in spec.layers:
        parts = (layer.query, layer.key, layer.value, layer.output, layer.gate, layer.up, layer.down)
        found += [part.weight for part in parts]
    return found


def storage_of(spec: DecoderSpec, options: NativeOptions) -> int:
    """The library's number for the storage asked for. Raises LoadError if the checkpoint or the arithmetic is not fit
    for it."""
    chosen = _STORAGES[options.storage]
    kinds = {weight.stored for weight in matrices(spec)}
    stored = ", ".join(sorted(kinds))
    if options.storage == "blocks":
        _check_codes("storage blocks", [spec.embedding, *matrices(spec)], "storage auto holds such weights as fp32")
        if kinds <= set(PLAIN):
            raise LoadError(f"storage blocks needs a quantised GGUF, and this checkpoint is stored in {stored}")
    if options.arithmetic == "integer" and chosen != AS_INT8:
        if chosen == AS_STORED:
            _check_codes("arithmetic integer", matrices(spec), "storage int8 makes codes of any")
        if chosen != AS_STORED or kinds <= set(PLAIN):
            raise LoadError(
                "arithmetic integer needs storage blocks or int8, and "
                f"storage {options.storage} of a checkpoint in {stored} holds floats"
            )
    return chosen


def _check_codes(asked: str, weights: Iterable[Weight], instead: str) -> None:
    """Raise LoadError for the first quantised weight whose codes the kernels do not compute with."""
    for weight in weights:
        if weight.stored not in NUMBERS:
            possible = ", ".join(kind for kind in NUMBERS if kind not in PLAIN)
            raise LoadError(
                f"{asked} cannot be had: weight '{weight.name}' is stored in {weight.stored}, and codes that the "
                f"native kernels compute with are {possible}; {instead}"
            )


def widened(spec: DecoderSpec, storage: int) -> list[str]:
    """The types whose weights are held as fp32 though the file's own are wanted, because the kernels do not know their
    codes."""
    weights = [spec.embedding, *matrices(spec)] if storage == AS_STORED else []
    return sorted({weight.stored for weight in weights} - NUMBERS.keys())


def told_storage(spec: DecoderSpec, asked: str) -> str:
    """For people: the storage that was asked for, and of the file's own types which are held and which are not."""
    if _STORAGES[asked] != AS_STORED:
        return asked
    wide = widened(spec, AS_STORED)
    kinds = {weight.stored for weight in matrices(spec)} | set(wide)
    return f"{asked} ({', '.join(f'{kind} held as fp32' if kind in wide else kind for kind in sorted(kinds))})"


def told_arithmetic(spec: DecoderSpec, options: NativeOptions) -> str:
    """For people: the arithmetic, and which of the file's matrices have no codes for products of integers."""
    if options.arithmetic == "float" or _STORAGES[options.storage] != AS_STORED:
        return options.arithmetic
    plain = sorted({weight.stored for weight in matrices(spec)} & set(PLAIN))
    return f"{options.arithmetic} ({', '.join(plain)} in floats)" if plain else options.arithmetic
