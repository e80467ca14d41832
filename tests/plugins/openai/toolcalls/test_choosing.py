from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from jackfield_plugins.openai.toolcalls.choosing import parser_for
from jackfield_plugins.openai.toolcalls.hermes import Hermes
from jackfield_plugins.openai.toolcalls.llama3 import Llama3
from jackfield_plugins.openai.toolcalls.mistral import Mistral
from tests.plugins.openai.made import speaker


@pytest.mark.parametrize(
    ("choice", "template", "wanted"),
    [
        ("auto", "{{ '<tool_call>' }}", Hermes),
        ("auto", "{{ '[TOOL_CALLS]' }}", Mistral),
        ("auto", "{{ '<|python_tag|>' }}", Llama3),
        ("auto", "{{ messages[0].content }}", None),
        ("none", "{{ '<tool_call>' }}", None),
        ("hermes", "", Hermes),
        ("llama3", "", Llama3),
        ("mistral", "", Mistral),
    ],
)
def test_the_template_tells(choice: Any, template: str, wanted: type | None) -> None:
    made = parser_for(choice, speaker(template).language)
    assert (made.func if isinstance(made, partial) else made) is wanted
    if made is not None and wanted is not None:
        assert isinstance(made(frozenset("f")), wanted)
