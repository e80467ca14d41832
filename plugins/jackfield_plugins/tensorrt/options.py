"""Options of the backend `tensorrt`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from jackfield import Options

_Length = Annotated[int, Field(ge=1)]

Precision = Literal["fp32", "tf32", "fp16", "bf16"]


class Lengths(Options):
    """The lengths that an axis may have."""

    least: _Length = 1
    """The shortest."""
    best: _Length
    """The one that kernels are chosen for."""
    most: _Length
    """The longest."""

    @model_validator(mode="after")
    def _ascending(self) -> Lengths:
        if not self.least <= self.best <= self.most:
            raise ValueError(f"got least {self.least}, best {self.best}, most {self.most}, expected them ascending")
        return self


class TensorRTOptions(Options):
    """Options of the backend `tensorrt`."""

    precision: Precision = "fp32"
    """What products of fp32 networks are computed in. `fp32` loses nothing; `tf32` lets products round their inputs to
    19 bits; `fp16` converts the network, but for its inputs and outputs; `bf16` lets the builder choose it. What a
    network says itself, by casts or by quantised layers (int8, fp8), is done in any case."""
    lengths: dict[str, Lengths] = {}
    """Lengths of open axes other than the batch: by the axis' name, or by `input:number` where it has none. Not needed
    for axes that the batching policy pads, nor for inputs whose shape `warm_up` declares."""
    best_rows: Annotated[int, Field(ge=1)] | None = None
    """Number of rows that kernels are chosen for; null: the most that steps have."""
    profile_per_bucket: bool = False
    """Whether each length that axes are padded to gets an optimization profile of its own: steps are faster, and plan
    and device memory grow with their number."""
    workspace_mib: Annotated[int, Field(ge=1)] | None = None
    """Most MiB of device memory that one layer may take as scratch; null: as TensorRT pleases."""
    optimization_level: Annotated[int, Field(ge=0, le=5)] | None = None
    """How long the builder looks for faster kernels; null: TensorRT's own default."""
    cache: str = ""
    """Folder in which plans and timings are kept; empty: `jackfield/tensorrt` in the user's cache folder."""
    cuda_graphs: Annotated[int, Field(ge=0, le=64)] = 8
    """Most combinations of shapes whose kernels are captured and replayed as one; 0: none."""
    graph_after: Annotated[int, Field(ge=1)] = 3
    """How often a combination of shapes must have run before it is captured."""
