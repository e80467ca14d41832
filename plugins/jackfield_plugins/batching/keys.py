"""What requests can be grouped by, as the options of a policy say it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

GroupKey = Annotated[str, Field(pattern=r"^(tenant|priority|outputs|parameters\..+)$")]
"""One thing that requests must agree in to share a step."""
