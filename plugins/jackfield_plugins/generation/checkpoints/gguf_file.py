"""A GGUF file: its metadata, and its tensors as views of the mapped file.

The layout is that of the specification, versions 2 and 3. The `gguf` library's own reader is not used, see
docs/adr/0019-own-gguf-header.md; what a quantisation is, and how it is undone, is the library's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jackfield import Array
from jackfield.errors import LoadError
from jackfield_plugins.generation.checkpoints.gguf_reading import Reading
from jackfield_plugins.generation.checkpoints.mapped import map_file
from jackfield_plugins.generation.checkpoints.weights import Weights, elements
from jackfield_plugins.generation.spec import Weight

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MOST_DIMENSIONS = 4
_PART = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf")


@dataclass(frozen=True, slots=True)
class GgufFile:
    """`metadata` holds numbers, texts and lists of them, by key."""

    source: str
    metadata: dict[str, Any]
    weights: Weights


def read_gguf(path: Path, source: str) -> GgufFile:
    """Read the file at `path`, and its further parts if it is the first of several.

    Raises LoadError naming the file, and the tensor where one is at fault.
    """
    metadata, tensors = _read(path, source)
    parts = metadata.get("split.count", 0)
    if isinstance(parts, int) and parts > 1:
        for other in _others(path, source, parts):
            _, more = _read(other, f"{Path(source).parent / other.name}")
            if again := tensors.keys() & more.keys():
                raise LoadError(f"tensor '{min(again)}' of '{source}' stands in two of its parts")
            tensors |= more
    return GgufFile(source, metadata, Weights(source, tensors))


def _others(path: Path, source: str, parts: int) -> list[Path]:
    name = _PART.fullmatch(path.name)
    if name is None or int(name[3]) != parts or int(name[2]) != 1:
        raise LoadError(
            f"'{source}' is one of {parts} parts of a model: give the first, named '…-00001-of-{parts:05}.gguf', with "
            "the others beside it"
        )
    others = [path.with_name(f"{name[1]}-{number:05}-of-{parts:05}.gguf") for number in range(2, parts + 1)]
    for other in others:
        if not other.is_file():
            raise LoadError(f"'{source}' is the first of {parts} parts, and '{other.name}' is not beside it")
    return others


def _read(path: Path, source: str) -> tuple[dict[str, Any], dict[str, Weight]]:
    data = map_file(path, source)
    if data[:4].tobytes() != _MAGIC:
        raise LoadError(f"'{source}' is not a GGUF file: it does not begin with 'GGUF'")
    reading = Reading(data)
    reading.at = len(_MAGIC)
    where = "the header"
    try:
        version = reading.number("<I")
        if version not in _VERSIONS:
            big = version & 0xFFFF == 0
            raise LoadError(
                f"'{source}' is a GGUF file " + ("of big-endian numbers" if big else f"of version {version}")
            )
        tensor_count = reading.count(24)  # name, dimensions, type and offset take at least that
        metadata: dict[str, Any] = {}
        for _ in range(reading.count(13)):  # key, type and value
            where = f"the metadata after '{next(reversed(metadata))}'" if metadata else "the metadata"
            key = reading.text()
            if key in metadata:
                raise ValueError(f"key '{key}' stands there twice")
            metadata[key] = reading.value()
        where = "the list of tensors"
        infos: dict[str, tuple[tuple[int, ...], int, int]] = {}
        for _ in range(tensor_count):
            name, info = _info(reading)
            if name in infos:
                raise ValueError(f"tensor '{name}' stands there twice")
            infos[name] = info
    except UnicodeDecodeError:
        raise LoadError(f"'{source}' is corrupt: {where} holds a text that is not UTF-8") from None
    except ValueError as error:
        raise LoadError(f"'{source}' is corrupt or truncated in {where}: {error}") from error
    body = data[_aligned(reading.at, metadata, source) :]
    return metadata, {name: _weight(name, *info, body, metadata, source) for name, info in infos.items()}


def _info(reading: Reading) -> tuple[str, tuple[tuple[int, ...], int, int]]:
    name = reading.text()
    axes = reading.number("<I")
    if not 1 <= axes <= _MOST_DIMENSIONS:
        raise ValueError(f"tensor '{name}' has {axes} dimensions, and may have 1 to {_MOST_DIMENSIONS}")
    dimensions = [reading.number("<Q") for _ in range(axes)]
    return name, (tuple(reversed(dimensions)), reading.number("<I"), reading.number("<Q"))


def _alignment(metadata: dict[str, Any], source: str) -> int:
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
        raise LoadError(f"'{source}' has the alignment {alignment!r}, which must be a power of two")
    return alignment


def _aligned(at: int, metadata: dict[str, Any], source: str) -> int:
    alignment = _alignment(metadata, source)
    return -(-at // alignment) * alignment


def _weight(
    name: str, shape: tuple[int, ...], kind: int, offset: int, body: Array, metadata: dict[str, Any], source: str
) -> Weight:
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    try:
        stored = GGMLQuantizationType(kind)
        block, size = GGML_QUANT_SIZES[stored]
    except (ValueError, KeyError):
        raise LoadError(f"tensor '{name}' of '{source}' is stored as type {kind}, which is unknown") from None
    if shape[-1] % block:
        raise LoadError(
            f"tensor '{name}' of '{source}' has rows of {shape[-1]} elements, and {stored.name} needs a multiple of "
            f"{block}"
        )
    length = elements(shape) // block * size
    if length > len(body) - offset:
        raise LoadError(
            f"tensor '{name}' of '{source}' reaches to byte {offset + length} of the data, which has {len(body)}: the "
            "file is truncated or corrupt"
        )
    if offset % _alignment(metadata, source):
        raise LoadError(f"tensor '{name}' of '{source}' lies at byte {offset}, which is not aligned")
    view = body[offset : offset + length]
    return Weight(name, shape, stored.name, view.reshape(shape[0], -1) if len(shape) > 1 and shape[0] else view)
