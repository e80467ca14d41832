from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from jackfield.errors import InvalidRequest, Unsupported
from jackfield_plugins.openai.conversation import conversation
from jackfield_plugins.openai.fault import CONTEXT, Fault
from jackfield_plugins.openai.models import Speaker
from jackfield_plugins.openai.schema import ChatBody
from tests.plugins.openai.made import PLAIN, speaker

MESSAGES = [{"role": "user", "content": "Hello"}]
TOOL = {"type": "function", "function": {"name": "f"}}


@pytest.fixture(scope="module")
def model() -> Iterator[Speaker]:
    found = speaker(PLAIN + "{% if tools %}{{ tools | tojson }}{% endif %}{{ think }}")
    yield found
    found.language.close()


def body(**fields: Any) -> ChatBody:
    return msgspec.json.decode(msgspec.json.encode({"model": "m", "messages": MESSAGES, **fields}), type=ChatBody)


def text(model: Speaker, **fields: Any) -> str:
    tokens, _ = conversation(model, body(**fields))
    return model.language.tokenizer.decode(tokens.tolist(), special=True)


def test_a_prompt(model: Speaker) -> None:
    assert text(model) == "<s>user: Hello</s><s>"
    assert text(model, add_generation_prompt=False) == "<s>user: Hello</s>"
    assert text(model, chat_template_kwargs={"think": "yes"}) == "<s>user: Hello</s><s>yes"
    assert text(model, tools=[TOOL]).endswith('[{"type": "function", "function": {"name": "f"}}]')
    assert conversation(model, body(tools=[TOOL]))[1] == [TOOL]


def test_an_answer_that_was_begun(model: Speaker) -> None:
    begun = [*MESSAGES, {"role": "assistant", "content": "Hi "}]
    assert text(model, messages=begun, continue_final_message=True) == "<s>user: Hello</s><s>assistant: Hi "
    with pytest.raises(Fault, match="needs a final message of the assistant, got one of the user"):
        text(model, continue_final_message=True)
    with pytest.raises(Fault, match="cannot both be true"):
        text(model, messages=begun, continue_final_message=True, add_generation_prompt=True)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"chat_template": "{{ 1 }}"}, "chat_template"),
        ({"chat_template_kwargs": [1]}, "chat_template_kwargs"),
        ({"chat_template_kwargs": {"x": "y" * 70_000}}, "chat_template_kwargs"),
        ({"messages": []}, "messages"),
    ],
)
def test_what_is_refused(model: Speaker, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Fault) as raised:
        text(model, **fields)
    assert raised.value.param == param


def test_what_is_too_long(model: Speaker) -> None:
    with pytest.raises(Fault) as raised:
        text(model, messages=[{"role": "user", "content": "x" * 100_000}])
    assert (raised.value.param, raised.value.code) == ("messages", CONTEXT)


def test_the_template_is_not_to_be_replaced_from_within(model: Speaker) -> None:
    for name in ("messages", "tools", "add_generation_prompt"):
        with pytest.raises(InvalidRequest, match="not for a request to set"):
            text(model, chat_template_kwargs={name: []})


def testsources_that_cannot() -> None:
    plain = speaker()
    with pytest.raises(Fault, match="has no place for tools"):
        text(plain, tools=[TOOL])
    first = speaker("{{ messages[0].content }}")
    begun = [*MESSAGES, {"role": "assistant", "content": "Hi"}]
    with pytest.raises(Fault, match="leaves out the final message"):
        text(first, messages=begun, continue_final_message=True)
    empty = speaker("{% if false %}x{% endif %}")
    with pytest.raises(Fault, match="makes an empty prompt"):
        text(empty)
    for one in (plain, first, empty):
        one.language.close()


def test_a_model_without_a_template() -> None:
    found = speaker()
    found.language.template.sources.clear()
    with pytest.raises(Unsupported, match="came without a chat template: ask for a completion"):
        text(found)
