"""The base of every configuration model: immutable, and unknown keys are errors."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """A plugin's own options: subclass it, add fields with defaults and descriptions, and set `Options` on the plugin."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
