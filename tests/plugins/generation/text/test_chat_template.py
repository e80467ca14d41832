"""Chat templates: what they render, and what one that is up to no good can do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jackfield.errors import InvalidRequest, LoadError, Unsupported
from jackfield_plugins.generation.text.chat_template import ChatTemplate, TemplateLimits

MESSAGES = [{"role": "user", "content": "Hi"}]
SHORT = TemplateLimits(seconds=0.5, memory=256 * 1024 * 1024, answer=1024 * 1024)


def made(template: str, limits: TemplateLimits = SHORT, **others: str) -> ChatTemplate:
    return ChatTemplate("m", {"default": template, **others}, {"bos_token": "<s>", "eos_token": "</s>"}, limits)


@pytest.fixture
def guarded() -> Iterator[ChatTemplate]:
    """A template that does what the message says: the worst case, where a client writes the program."""
    template = made(
        "{% if messages[0].content == 'loop' %}"
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
        "{% elif messages[0].content == 'memory' %}{{ 'x' * (10000000000 * messages|length) }}"
        "{% elif messages[0].content == 'long' %}{{ 'x' * (5000000 * messages|length) }}"
        "{% elif messages[0].content == 'power' %}{{ 9 ** (9 ** (9 * messages|length)) }}"
        "{% else %}{{ messages[0].content }}{% endif %}"
    )
    yield template
    template.close()


def test_messages_tokens_tools_and_variables_reach_the_template() -> None:
    template = made(
        "{{ bos_token }}{% for m in messages %}[{{ m.role }}: {{ m['content'] }}]{% endfor %}"
        "{% if tools %}{{ tools | tojson }}{% endif %}"
        "{% if add_generation_prompt %}>{% endif %}{{ think }}{{ eos_token }}"
    )
    assert template.render(MESSAGES) == "<s>[user: Hi]></s>"
    tools = [{"type": "function", "function": {"name": "größe", "tag": "<b>"}}]
    assert template.render(MESSAGES, tools, add_generation_prompt=False, variables={"think": "..."}) == (
        '<s>[user: Hi][{"type": "function", "function": {"name": "größe", "tag": "<b>"}}]...</s>'
    )
    template.close()


def test_a_template_for_tools_is_taken_when_there_are_any() -> None:
    template = made("plain", tool_use="with {{ tools[0].name }}")
    assert template.render(MESSAGES) == "plain"
    assert template.render(MESSAGES, [{"name": "f"}]) == "with f"
    template.close()


def test_what_templates_of_the_hub_use_is_there() -> None:
    template = made(
        "{%- for m in messages %}\n  {%- if loop.index > 1 %}\n    {%- break %}\n  {%- endif %}\n"
        "{% generation %}{{ m.content }}{% endgeneration %}{%- endfor %}{{ strftime_now('%Y')|length }}"
    )
    assert template.render([*MESSAGES, *MESSAGES]) == "Hi4"
    refusing = made("{{ raise_exception('roles must alternate') }}")
    with pytest.raises(InvalidRequest, match=r"^the chat template refuses these messages: roles must alternate$"):
        refusing.render(MESSAGES)
    template.close()
    refusing.close()


@pytest.mark.parametrize(
    "escape",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__init__.__globals__ }}",
        "{{ ''|attr('__class__') }}",
        "{{ cycler.__init__.__globals__.os.system('true') }}",
        "{{ strftime_now.__globals__ }}",
        "{{ raise_exception.__globals__['sys'] }}",
        "{{ '{0.__class__}'.format('') }}",
        "{% set x = messages.append(1) %}",
        "{% set x = messages[0].update({'a': 1}) %}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}{{ os }}",
    ],
)
def test_the_sandbox_cannot_be_left(escape: str) -> None:
    template = made(f"{escape}{{{{ messages[0].content }}}}")
    try:
        assert template.render(MESSAGES) == "Hi", "something came out of the attempt"
    except InvalidRequest as error:
        assert str(error).startswith("the chat template refuses these messages: ")  # noqa: PT017
    finally:
        template.close()


@pytest.mark.parametrize("attack", ["loop", "power"])
def test_a_template_that_does_not_end_fails_its_request_alone(guarded: ChatTemplate, attack: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^the chat template takes longer than 0.5 seconds for these messages$"):
        guarded.render([{"role": "user", "content": attack}])
    assert guarded.render(MESSAGES) == "Hi"


@pytest.mark.parametrize("attack", ["memory", "long"])
def test_a_template_that_takes_all_memory_fails_its_request_alone(guarded: ChatTemplate, attack: str) -> None:
    with pytest.raises(InvalidRequest, match=r"too much memory"):
        guarded.render([{"role": "user", "content": attack}])
    assert guarded.render(MESSAGES) == "Hi"


def test_others_are_served_while_one_does_not_end(guarded: ChatTemplate) -> None:
    refused: list[InvalidRequest] = []

    def attack() -> None:
        with pytest.raises(InvalidRequest) as caught:
            guarded.render([{"role": "user", "content": "loop"}])
        refused.append(caught.value)

    thread = threading.Thread(target=attack)
    thread.start()
    while guarded._turns._value == 2:
        time.sleep(0.001)  # until it has taken its turn
    assert guarded.render(MESSAGES) == "Hi"
    assert not refused, "it was over before"
    thread.join()
    assert len(refused) == 1


def test_what_is_no_template_is_found_when_it_is_loaded() -> None:
    template = made("{% for %}")
    with pytest.raises(
        LoadError, match=r"^the chat template of 'm' is none: Expected an expression, got 'end of statement block'"
    ):
        template.check()
    good = made("{{ messages }}")
    good.check()
    good.close()


def test_a_template_that_computes_while_it_is_compiled_is_found_too() -> None:
    template = made("{{ 9 ** (9 ** 9) }}", TemplateLimits(start=2))
    with pytest.raises(
        LoadError, match=r"^the chat template of 'm' cannot be compiled: it takes longer than 2 seconds$"
    ):
        template.check()


def test_a_model_without_a_template_says_so() -> None:
    with pytest.raises(
        Unsupported, match=r"^'m' came without a chat template: ask for a completion of a prompt instead$"
    ):
        ChatTemplate("m", {}, {}).render(MESSAGES)


@pytest.mark.parametrize("name", ["messages", "tools", "add_generation_prompt", "bos_token"])
def test_a_request_cannot_set_what_the_server_sets(guarded: ChatTemplate, name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^'{name}' is not for a request to set"):
        guarded.render(MESSAGES, variables={name: "x"})


def test_the_process_sees_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    template = made("{{ messages[0].content }}")
    template.check()
    process = template._idle[0]._process
    environ = Path(f"/proc/{process.pid}/environ").read_bytes()
    assert b"PATH=" in environ
    assert b"secret" not in environ
    template.close()
    assert process.returncode is not None


def test_large_messages_pass_through_the_pipes(guarded: ChatTemplate) -> None:
    text = "0123456789" * 50_000
    assert guarded.render([{"role": "user", "content": text}]) == text
    surrogate = "a\ud800"
    assert guarded.render([{"role": "user", "content": surrogate}]) == surrogate


def test_a_process_that_was_killed_from_outside_is_replaced(guarded: ChatTemplate) -> None:
    guarded.render(MESSAGES)
    process = guarded._idle[0]._process
    process.kill()
    process.wait()
    with pytest.raises(InvalidRequest):
        guarded.render(MESSAGES)
    assert guarded.render(MESSAGES) == "Hi"
