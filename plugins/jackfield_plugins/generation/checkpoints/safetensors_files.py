"""The tensors of safetensors files: one file, or shards named by an index. The library checks, we map."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jackfield import Array
from jackfield.errors import LoadError
from jackfield_plugins.generation.checkpoints.documents import read_json
from jackfield_plugins.generation.checkpoints.mapped import map_file
from jackfield_plugins.generation.checkpoints.weights import Weights
from jackfield_plugins.generation.spec import Weight

INDEX = "model.safetensors.index.json"
ONE = "model.safetensors"


def read_folder(folder: Path, source: str) -> Weights:
    """The tensors of `folder`; raises LoadError naming the file, and the tensor where one is at fault."""
    tensors: dict[str, Weight] = {}
    for file in files(folder, source):
        for name, tensor in _read(folder / file, f"{source}/{file}").items():
            if name in tensors:
                raise LoadError(f"tensor '{name}' of '{source}' stands in two of its files, one of them '{file}'")
            tensors[name] = tensor
    _check_index(folder, source, tensors)
    return Weights(source, tensors)


def files(folder: Path, source: str) -> list[str]:
    """The names of the files that hold the weights; raises LoadError if there are none, or one is missing."""
    if (folder / INDEX).is_file():
        named = sorted(set(_index(folder, source).values()))
        for name in named:
            if Path(name).name != name or not (folder / name).is_file():
                raise LoadError(f"'{source}/{INDEX}' names the file {name!r}, which is not in the folder")
        return named
    if (folder / ONE).is_file():
        return [ONE]
    found = sorted(path.name for path in folder.glob("*.safetensors"))
    if len(found) != 1:
        names = ", ".join(f"'{name}'" for name in found) or "none"
        raise LoadError(f"folder '{source}' must hold {ONE}, {INDEX} or one .safetensors file, and holds {names}")
    return found


def _index(folder: Path, source: str) -> Mapping[str, str]:
    place = f"{source}/{INDEX}"
    weight_map = read_json(folder / INDEX, place).get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
        raise LoadError(f"'{place}' has no 'weight_map' from the names of tensors to files")
    if not weight_map:
        raise LoadError(f"'{place}' has an empty 'weight_map'")
    return weight_map


def _check_index(folder: Path, source: str, tensors: Mapping[str, Weight]) -> None:
    if (folder / INDEX).is_file():
        for name, file in _index(folder, source).items():
            if name not in tensors:
                raise LoadError(f"'{source}/{INDEX}' says that tensor '{name}' is in '{file}', and it is not")


def _read(path: Path, source: str) -> dict[str, Weight]:
    from safetensors import SafetensorError, safe_open

    data = map_file(path, source)
    try:
        with safe_open(path, framework="numpy"):
            pass  # sizes, offsets, holes and overlaps are checked when it is opened
    except SafetensorError as error:
        raise LoadError(f"'{source}' is not a safetensors file, or is truncated: {error}") from error
    length = int.from_bytes(data[:8].tobytes(), "little")
    header: dict[str, Any] = json.loads(data[8 : 8 + length].tobytes())
    header.pop("__metadata__", None)
    return {name: _weight(name, about, data[8 + length :]) for name, about in header.items()}


def _weight(name: str, about: Mapping[str, Any], data: Array) -> Weight:
    start, stop = about["data_offsets"]
    shape = tuple(about["shape"])
    rows = shape[0] if len(shape) > 1 else None
    view = data[start:stop]
    return Weight(name, shape, str(about["dtype"]), view if not rows else view.reshape(rows, -1))
