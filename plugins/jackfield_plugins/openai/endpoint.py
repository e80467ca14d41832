"""The endpoint and its options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, cast

from pydantic import Field

from jackfield import Endpoint, Options, Route
from jackfield_plugins.openai.app import OpenAIApp
from jackfield_plugins.openai.toolcalls.choosing import Choice

if TYPE_CHECKING:
    from jackfield import Server


class OpenAIOptions(Options):
    """The API of OpenAI's clients, at `/v1`, with `/tokenize` and `/detokenize`."""

    overload_status: Literal[503, 429] = 503
    """Status of requests that are shed because a queue is full. Clients try again after either."""
    tool_parser: Choice = "auto"
    """Format in which calls of tools are found in answers; `auto` looks at the model's template, `none` leaves them
    text."""
    max_body_bytes: Annotated[int, Field(ge=1024)] = 8 * 1024 * 1024
    """Largest body of a request; `server.limits.max_body_bytes` holds, too."""
    max_prompts: Annotated[int, Field(ge=1, le=4096)] = 256
    """Most prompts of one completion, and inputs of one request for embeddings."""
    text_threads: Annotated[int, Field(ge=1, le=64)] = 4
    """Threads of each model that tokenize and render templates."""
    tenant_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] | None = None
    """Header that names the tenant of a request, for schedulers that share by tenant, and for the prefix cache, which
    tells no tenant of another's prompts; null: all are one tenant. Anybody can send any header: set this only behind a
    proxy that sets it. Where there are keys, the tenant is the key's."""


class OpenAI(Endpoint):
    """Claims `/v1`, `/tokenize` and `/detokenize`."""

    options = OpenAIOptions
    fronts = True

    def __init__(self, options: Options, server: Server) -> None:
        super().__init__(options, server)
        self._app = OpenAIApp(server, cast(OpenAIOptions, options))

    def routes(self) -> Sequence[Route]:
        """One app for all paths."""
        refusal = self._app.refused
        return [Route(prefix, self._app, refusal=refusal) for prefix in ("/v1", "/tokenize", "/detokenize")]
