"""The endpoint and its options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, cast

from pydantic import Field

from jackfield import Endpoint, Options, Route
from jackfield_plugins.open_inference.app import OpenInferenceApp
from jackfield_plugins.open_inference.paths import HEALTH

if TYPE_CHECKING:
    from jackfield import Server


class OpenInferenceOptions(Options):
    """The Open Inference Protocol over REST, at `/v2`."""

    overload_status: Literal[503, 429] = 503
    """Status of requests that are shed because a queue is full."""
    compress_above_bytes: Annotated[int, Field(ge=0)] = 1024
    """Responses larger than this are compressed for clients that accept gzip or deflate."""

    tenant_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] | None = None
    """Header that names the tenant of a request, for schedulers that share by tenant; null: all are one tenant. Anybody
    can send any header: set this only behind a proxy that sets it. Where there are keys, the tenant is the key's."""


class OpenInference(Endpoint):
    """Claims `/v2`."""

    options = OpenInferenceOptions

    fronts = True

    def __init__(self, options: Options, server: Server) -> None:
        super().__init__(options, server)
        own = cast(OpenInferenceOptions, options)
        self._app = OpenInferenceApp(server, own.overload_status, own.compress_above_bytes, own.tenant_header)

    def routes(self) -> Sequence[Route]:
        """One app for all paths below `/v2`."""
        return [Route("/v2", self._app, self._app.shortcut, health=HEALTH, refusal=self._app.refused)]
