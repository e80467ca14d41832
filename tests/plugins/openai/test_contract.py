"""The endpoint keeps to the contract of its socket."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield import Server
from jackfield.testing import EndpointContract, Example
from jackfield_plugins.openai.endpoint import OpenAI, OpenAIOptions


class TestOpenAI(EndpointContract):
    def endpoint(self, server: Server) -> OpenAI:
        return OpenAI(OpenAIOptions(), server)

    def examples(self) -> Sequence[Example]:
        paths = ("/v1/models", "/v1/models/double")
        return [Example(method, path) for path in paths for method in ("GET", "HEAD")]
