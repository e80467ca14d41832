from __future__ import annotations

import pytest
from pydantic import ValidationError

from jackfield_plugins.openai.endpoint import OpenAI, OpenAIOptions
from tests.core.lifecycle.fakes import in_loop
from tests.plugins.openai.calling import served


@in_loop
async def test_routes() -> None:
    async with served() as caller:
        routes = OpenAI(OpenAIOptions(), caller.app.server).routes()
        assert [route.prefix for route in routes] == ["/v1", "/tokenize", "/detokenize"]


def test_options() -> None:
    assert OpenAIOptions().tool_parser == "auto"
    with pytest.raises(ValidationError):
        OpenAIOptions(overload_status=500)  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        OpenAIOptions(tenant_header="a b")
