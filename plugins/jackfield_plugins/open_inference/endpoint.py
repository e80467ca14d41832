"""The endpoint and its options."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

from pydantic import Field, model_validator

from jackfield import Endpoint, Options, Route
from jackfield_plugins.open_inference.app import OpenInferenceApp
from jackfield_plugins.open_inference.control import Control
from jackfield_plugins.open_inference.loading import Loading
from jackfield_plugins.open_inference.paths import HEALTH
from jackfield_plugins.open_inference.repository_key import repository_key

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
    repository_control: bool = False
    """Whether models can be loaded and unloaded through this endpoint, by whoever has the repository's key."""
    repository_key_env: Annotated[str, Field(min_length=1)] | None = None
    """Environment variable that holds the repository's key."""
    repository_key_file: Path | None = None
    """File that holds it, in place of a variable."""
    repository_folder: Path | None = None
    """Folder in which the sources must lie that a request to load a model names; null: it may name none."""

    @model_validator(mode="after")
    def _with_a_key(self) -> OpenInferenceOptions:
        given = sum(one is not None for one in (self.repository_key_env, self.repository_key_file))
        if given != self.repository_control:
            if self.repository_control:
                raise ValueError("expected either 'repository_key_env' or 'repository_key_file'")
            raise ValueError("the repository's key is of use only with 'repository_control: true'")
        return self


class OpenInference(Endpoint):
    """Claims `/v2`."""

    options = OpenInferenceOptions

    fronts = True

    def __init__(self, options: Options, server: Server) -> None:
        super().__init__(options, server)
        own = cast(OpenInferenceOptions, options)
        control: Control | None = None
        if own.repository_control:
            key = repository_key(own.repository_key_env, own.repository_key_file)
            control = Control(key, Loading(server, own.repository_folder))
        self._app = OpenInferenceApp(server, own.overload_status, own.compress_above_bytes, own.tenant_header, control)

    def routes(self) -> Sequence[Route]:
        """One app for all paths below `/v2`."""
        return [Route("/v2", self._app, self._app.shortcut, health=HEALTH, refusal=self._app.refused)]
