"""Models for the device check, made on the spot: nothing is downloaded, and no package is needed but PyTorch."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

HIDDEN, LAYERS, HEADS, TOKENS = 384, 6, 12, 32  # as all-MiniLM-L6-v2


class Encoder(nn.Module):
    """x [rows, 32, 384] to y [rows, 384]: six layers with random weights, the same in each run, and the mean."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList(_Layer() for _ in range(LAYERS))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x.mean(1)


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(HIDDEN, 3 * HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.up, self.down = nn.Linear(HIDDEN, 4 * HIDDEN), nn.Linear(4 * HIDDEN, HIDDEN)
        self.first, self.second = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            one.reshape(-1, TOKENS, HEADS, HIDDEN // HEADS).transpose(1, 2) for one in self.qkv(x).chunk(3, dim=-1)
        )
        weights = torch.softmax(q @ k.transpose(-1, -2) / (HIDDEN // HEADS) ** 0.5, dim=-1)
        x = self.first(x + self.out((weights @ v).transpose(1, 2).reshape(-1, TOKENS, HIDDEN)))
        return self.second(x + self.down(torch.nn.functional.gelu(self.up(x))))  # type: ignore[no-any-return]


def export(folder: Path, most: int) -> dict[str, Path]:
    """The encoder as `.pt2` and as `.onnx`, for 1 to `most` rows."""
    model, example = Encoder().eval(), torch.zeros(2, TOKENS, HIDDEN)
    rows = torch.export.Dim("rows", min=1, max=most)
    program = torch.export.export(model, (example,), dynamic_shapes={"x": {0: rows}})
    torch.export.save(program, folder / "encoder.pt2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own age
        torch.onnx.export(
            model,
            (example,),
            str(folder / "encoder.onnx"),
            dynamo=False,  # needs no further package
            opset_version=17,
            input_names=["x"],
            output_names=["y"],
            dynamic_axes={"x": {0: "rows"}, "y": {0: "rows"}},
        )
    return {"torch": folder / "encoder.pt2", "onnx": folder / "encoder.onnx"}
