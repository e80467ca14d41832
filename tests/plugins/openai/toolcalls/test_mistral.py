from __future__ import annotations

import pytest
from tokenizers import AddedToken

from jackfield_plugins.generation.text.tokenizer import TextTokenizer
from jackfield_plugins.openai.toolcalls.mistral import Mistral
from jackfield_plugins.openai.toolcalls.parser import Call, Said
from tests.plugins.generation.text.tokenizers_made import byte_level

CALLS = '[{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": {}}]'


def tokenizer() -> TextTokenizer:
    made = byte_level()
    made.add_special_tokens([AddedToken("[TOOL_CALLS]", special=True)])
    return TextTokenizer(made, made.get_vocab_size(), 1000)


TEXT = tokenizer()


def told(said: Said) -> list[str | tuple[str, str]]:
    return [one if isinstance(one, str) else (one.name, one.arguments) for one in said]


def parsed(text: str, streamed: bool) -> list[str | tuple[str, str]]:
    """As it comes from the engine: special tokens are among the tokens, and not in the text."""
    parser = Mistral(frozenset(("f", "g")), TEXT)
    tokens = TEXT.encode(text, special=False)
    found: Said = []
    for part in [[token] for token in tokens] if streamed else [tokens]:
        found += parser.add(TEXT.decode(part), part)
    found += parser.finish()
    whole = [one for one in told(found) if not isinstance(one, str)]
    texts = "".join(one for one in found if isinstance(one, str))
    return [*([texts] if texts else []), *whole]


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[TOOL_CALLS]" + CALLS, [("f", '{"a":1}'), ("g", "{}")]),
        (CALLS, [("f", '{"a":1}'), ("g", "{}")]),
        ('[TOOL_CALLS]f{"a": 1}[TOOL_CALLS]g[ARGS]{}', [("f", '{"a":1}'), ("g", "{}")]),
        ("I look.[TOOL_CALLS]" + CALLS, ["I look.", ("f", '{"a":1}'), ("g", "{}")]),
        ("[1, 2]", ["[1, 2]"]),
        ("Hello", ["Hello"]),
        ("[TOOL_CALLS]nothing", ["nothing"]),
        ('[TOOL_CALLS]h{"a": 1}', ['h{"a": 1}']),
        ("[TOOL_CALLS]" + CALLS + "x", [CALLS + "x"]),
    ],
)
def test_calls(text: str, wanted: object, streamed: bool) -> None:
    assert parsed(text, streamed) == wanted


def test_ids_have_the_form_that_its_templates_want() -> None:
    parser = Mistral(frozenset(("f", "g")), TEXT)
    parser.add(CALLS, [])
    ids = [call.id for call in parser.finish() if isinstance(call, Call)]
    assert [len(one) for one in ids] == [9, 9]
    assert all(one.isalnum() for one in ids)
