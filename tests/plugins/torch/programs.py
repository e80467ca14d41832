"""Small PyTorch modules, exported."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

Edit = Callable[[dict[str, Any]], None]


class Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)  # type: ignore[no-any-return]


class Nested(nn.Module):
    """Arguments and results of every structure, a constant and an argument that is left out."""

    def forward(
        self, d: dict[str, Tensor], pair: list[Tensor], scale: int = 3, flag: None = None, *, mask: Tensor
    ) -> dict[str, Any]:
        return {"a": d["u"] * scale, "pair": (pair[0] + pair[1], (pair[0] * mask).sum(1)), "nothing": None}


class Tokens(nn.Module):
    """ids [B, T] to hidden [B, T, 8] and pooled [B, 8]."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(100, 8)

    def forward(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        hidden = self.embedding(ids) * mask.unsqueeze(-1)
        return {"hidden": hidden, "pooled": hidden.sum(1)}


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


def dim(name: str, **limits: int) -> Any:
    return torch.export.Dim(name, **limits)


def export(
    module: nn.Module, path: Path, *args: Any, dynamic: Any = None, keywords: dict[str, Any] | None = None
) -> Path:
    program = torch.export.export(module.eval(), args, keywords or {}, dynamic_shapes=dynamic)
    torch.export.save(program, path)
    return path


def mlp(path: Path, **limits: int) -> Path:
    return export(Mlp(), path, torch.zeros(5, 16), dynamic={"x": {0: dim("batch", **limits)}})


def tokens(path: Path) -> Path:
    axes = {0: dim("batch"), 1: dim("length", max=64)}
    ids = torch.ones(2, 9, dtype=torch.long)
    return export(Tokens(), path, ids, torch.ones(2, 9), dynamic={"ids": axes, "mask": axes})


def nested(path: Path) -> Path:
    rows = {0: dim("batch")}
    return export(
        Nested(),
        path,
        {"u": torch.ones(3, 4)},
        [torch.ones(3, 4), torch.ones(3, 4)],
        3,
        None,
        keywords={"mask": torch.ones(3, 4)},
        dynamic={"d": {"u": rows}, "pair": [rows, rows], "scale": None, "flag": None, "mask": rows},
    )


def apply(function: Callable[..., Any], path: Path, example: Tensor | None = None) -> Path:
    given = torch.zeros(3, 2) if example is None else example
    dynamic = {"x": {0: dim("batch")}} if given.ndim else None
    return export(Apply(function), path, given, dynamic=dynamic)


def rewritten(path: Path, replace: dict[str, bytes] | None = None, edit: Edit | None = None) -> Path:
    """The archive at `path` with members replaced or added, or the JSON of its program edited."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    root = next(iter(members)).partition("/")[0]
    if edit is not None:
        name = f"{root}/models/model.json"
        program = json.loads(members[name])
        edit(program)
        members[name] = json.dumps(program).encode()
    for name, content in (replace or {}).items():
        members[f"{root}/{name}"] = content
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def nodes(program: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = program["graph_module"]["graph"]["nodes"]
    return found
