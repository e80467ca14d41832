"""The base of every configuration model: immutable, and unknown keys are errors."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """A plugin's own options: subclass it with fields, their defaults and docstrings; name it as `options`."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
