"""The tokens of a conversation, by the model's own template."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from jackfield import Array
from jackfield.errors import TooLarge
from jackfield_plugins.openai.fault import CONTEXT, Fault
from jackfield_plugins.openai.messages import plain
from jackfield_plugins.openai.models import Speaker
from jackfield_plugins.openai.reading import decoded
from jackfield_plugins.openai.schema import ChatBody, given
from jackfield_plugins.openai.special import Hidden
from jackfield_plugins.openai.tools import tools_of

_LARGEST_VARIABLES = 64 * 1024  # bytes of JSON
_variables = msgspec.json.Decoder(dict[str, Any])

Tools = list[dict[str, Any]] | None


def conversation(speaker: Speaker, body: ChatBody) -> tuple[Array, Tools]:
    """The prompt as int32 tokens, and the tools that it offers.

    Raises Fault, and what `ChatTemplate.render` raises. Blocks, so not for the event loop; thread-safe.
    """
    if given(body.chat_template):
        raise Fault("'chat_template' cannot be set: the template is the model's own", "chat_template")
    tools = tools_of(body)
    if tools is not None and speaker.language.template.sources and not speaker.tools:
        raise Fault(f"the chat template of model '{speaker.name}' has no place for tools", "tools", "unsupported")
    hidden = Hidden(speaker.language.tokenizer, speaker.special)
    messages = hidden.hide(plain(body.messages, speaker.developer))
    mark = _continued(body, messages, hidden)
    text = speaker.language.template.render(
        messages,
        hidden.hide(tools),
        mark is None and body.add_generation_prompt is not False,
        hidden.hide(_variables_of(body)),
    )
    if mark is not None:
        text, found, _ = text.partition(mark)
        if not found:
            raise Fault("the chat template leaves out the final message, so it cannot go on", "continue_final_message")
    try:
        tokens = hidden.tokens(text)
    except TooLarge as error:
        raise Fault(str(error), "messages", CONTEXT) from None
    if not tokens:
        raise Fault("the chat template makes an empty prompt of 'messages'", "messages")
    return np.array(tokens, np.int32), tools


def _continued(body: ChatBody, messages: list[dict[str, Any]], hidden: Hidden) -> str | None:
    """The mark behind the message that the answer goes on with, None if it begins one of its own."""
    if not body.continue_final_message:
        return None
    if body.add_generation_prompt:
        raise Fault(
            "'continue_final_message' and 'add_generation_prompt' cannot both be true", "continue_final_message"
        )
    if messages[-1]["role"] != "assistant":
        raise Fault(
            f"'continue_final_message' needs a final message of the assistant, got one of the {messages[-1]['role']}",
            "continue_final_message",
        )
    mark = hidden.mark()
    messages[-1]["content"] += mark
    return mark


def _variables_of(body: ChatBody) -> dict[str, Any]:
    if not given(body.chat_template_kwargs):
        return {}
    raw = bytes(body.chat_template_kwargs)
    if len(raw) > _LARGEST_VARIABLES:
        raise Fault(
            f"'chat_template_kwargs' must have at most {_LARGEST_VARIABLES} bytes of JSON, got {len(raw)}",
            "chat_template_kwargs",
        )
    return decoded(raw, _variables, "chat_template_kwargs")
