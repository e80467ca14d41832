"""What a configuration says of a key."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from jackfield.keys.hashing import HASH
from jackfield.options import Options

_Amount = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
_Count = Annotated[int, Field(ge=1, strict=True)]
_Name = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._@-]+$")]
_Pattern = Annotated[str, Field(min_length=1, max_length=256)]

ADMIN = "admin"
"""The right to what changes the server. What asks for it is never open to those without a key."""
METRICS = "metrics"
"""The right to metrics, once there are keys."""


class QuotaConfig(Options):
    """How much one key may ask for; null: as much as it likes. Whoever asks for more gets 429 with `Retry-After`."""

    requests_per_s: _Amount | None = None
    """Requests a second, of whatever kind."""
    burst: _Count | None = None
    """Requests that may come at once, if there were fewer before; null: as many as in a second, at least one."""
    rows_per_minute: _Amount | None = None
    """Rows of tensor requests a minute. They are charged when a request is accepted: one that finds any left may take
    more than that, and the next waits for it to be paid off."""
    tokens_per_minute: _Amount | None = None
    """Tokens of prompts and answers a minute, charged as they are told, and paid off in the same way."""
    concurrent: _Count | None = None
    """Requests that may be under way at a time."""

    @model_validator(mode="after")
    def _of_something(self) -> QuotaConfig:
        if self.burst is not None and self.requests_per_s is None:
            raise ValueError("expected 'requests_per_s' beside 'burst'")
        return self


class KeyConfig(Options):
    """One key."""

    hash: Annotated[str, Field(pattern=rf"^{HASH}$")]
    """`sha256:` and the key's SHA-256, as `jackfield key new NAME` prints it."""
    tenant: _Name | None = None
    """Whom its requests belong to, whatever they say themselves; null: the key's name. Tenants share what the scheduler
    `fair` shares, and know nothing of each other's prefix cache."""
    weight: _Amount | None = None
    """Share of the tenant where the scheduler is `fair` and names no other; null: the scheduler's default."""
    quota: QuotaConfig = QuotaConfig()
    """How much it may ask for."""
    models: tuple[_Pattern, ...] = ("*",)
    """The models that it may use, as names or patterns (`*`, `?`, `[abc]`). To this key there are no others."""
    rights: tuple[_Name, ...] = ()
    """What else it may: `metrics`, `admin`, or what a plugin's endpoint asks for."""
