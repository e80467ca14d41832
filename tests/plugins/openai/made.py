"""Tokenizers, speakers and calls for tests without a server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from jackfield_plugins.generation.language import Language
from jackfield_plugins.generation.parameters import Parameters
from jackfield_plugins.generation.text.chat_template import ChatTemplate
from jackfield_plugins.generation.text.tokenizer import TextTokenizer
from jackfield_plugins.openai.models import Speaker
from jackfield_plugins.openai.special import spellings
from jackfield_plugins.openai.spelling import TokenTexts
from tests.plugins.generation.text.tokenizers_made import byte_level

PLAIN = (
    "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<s>{% endif %}"
)


def tokenizer(context: int = 1000) -> TextTokenizer:
    """Byte-level, with the special tokens `<s>` and `</s>`."""
    made = byte_level()
    return TextTokenizer(made, made.get_vocab_size(), context)


def speaker(template: str = PLAIN, context: int = 1000) -> Speaker:
    """A model of which nothing runs. Close its template."""
    text = tokenizer(context)
    language = Language(text, ChatTemplate("m", {"default": template}, {}), context, (1,), Parameters())
    version: Any = SimpleNamespace(model="m")
    return Speaker(version, language, TokenTexts(text), spellings(text), "tools" in template, "developer" in template)
