"""How another version takes the place of one that serves: the section `update` of a model."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from jackfield.config.values import NOT_BOOL, Count, Seconds, problem
from jackfield.options import Options

Percent = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False), NOT_BOOL]
"""A share of something: more than nothing."""
Part = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False), NOT_BOOL]
"""A share that may be none."""
Tolerance = Annotated[float, Field(ge=0, allow_inf_nan=False), NOT_BOOL]
"""How far a number may be from another."""


class TensorFile(Options):
    """A tensor that is in a file."""

    file: str
    """A `.npy` or `.json` file with the whole tensor, its batch axis included."""

    @model_validator(mode="after")
    def _known(self) -> TensorFile:
        if not self.file.endswith((".npy", ".json")):
            raise problem("got {given}, expected a .npy or .json file", "file")
        return self


class Golden(Options):
    """A request whose answer is known."""

    inputs: dict[str, TensorFile | list[Any] | float | str]
    """What is asked, by the input's name: numbers or texts in nested lists, or a file."""
    outputs: Annotated[dict[str, TensorFile | list[Any] | float | str], Field(min_length=1)]
    """What must be answered, by the output's name; outputs that are not named are not looked at."""
    parameters: dict[str, Any] = {}
    """Parameters of the request."""
    rtol: Tolerance = 1e-3
    """Most that an answer may be off, relative to what is expected."""
    atol: Tolerance = 1e-5
    """Most that it may be off beyond that."""


class Canary(Options):
    """A share of the requests goes to the new version, until it is known to be as good as the old one."""

    percent: Percent = 10
    """Share of the requests that name no version."""
    min_s: Seconds = 60
    """Seconds that it lasts at least."""
    min_requests: Count = 100
    """Requests that the new version must have answered at least."""
    max_s: Seconds = 3600
    """Seconds after which it is decided by what has come until then."""
    max_error_percent: Part = 1
    """By how many percentage points the new version may fail more often than the old one in the same time."""
    max_latency_ratio: Annotated[float, Field(ge=1, allow_inf_nan=False), NOT_BOOL] | None = 2
    """How many times as long 95 of 100 answers may take as those of the old one in the same time; null: any."""


class Shadow(Options):
    """A share of the requests is asked of the new version too, once the old one has answered; no client sees that."""

    percent: Percent = 10
    """Share of the requests to the old version, by its name or by none, that are not streams."""
    min_requests: Count = 100
    """Answers that must have been compared."""
    max_s: Seconds = 3600
    """Seconds after which it is decided by what was compared until then."""
    max_mismatch_percent: Part = 0
    """Share of the answers that may differ."""
    rtol: Tolerance = 1e-3
    """Most that a number may differ, relative to the old one."""
    atol: Tolerance = 1e-5
    """Most that it may differ beyond that."""
    max_pending: Count = 16
    """Most requests that the new version has still to answer; those beyond are not mirrored."""


class UpdateConfig(Options):
    """How another version takes the place of one that serves."""

    order: Literal["beside", "in-place"] = "beside"
    """`beside`: the new version is loaded while the old one serves. `in-place`: the old one drains and goes first, for
    where memory does not suffice for both; requests get 503 with `Retry-After` meanwhile."""
    memory_bytes: Count | None = None
    """What one version takes of its device's memory; null: estimated by its artifact, and by what the old one took."""
    drain_s: Seconds = 600
    """Seconds that the requests of the old version get to be answered."""
    golden: tuple[Golden, ...] = ()
    """Requests that a version must answer as expected before it is ready."""
    shadow: Shadow | None = None
    """Whether requests are mirrored to the new version first, and answers compared."""
    canary: Canary | None = None
    """Whether only a share of the requests goes to the new version at first."""
