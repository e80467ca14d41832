"""The base of every configuration model: immutable, and unknown keys are errors."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """A plugin's own options: subclass it, add fields with defaults and docstrings, and name it as the plugin's `options`."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
