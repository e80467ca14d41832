"""`POST /tokenize` and `POST /detokenize`, as open servers have them."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from jackfield.errors import TooLarge
from jackfield_plugins.openai.call import Answer, Call
from jackfield_plugins.openai.chat import CHAT
from jackfield_plugins.openai.conversation import conversation
from jackfield_plugins.openai.fault import CONTEXT, Fault
from jackfield_plugins.openai.models import Models, Speaker
from jackfield_plugins.openai.prompts import tokens_of
from jackfield_plugins.openai.schema import ABSENT, ChatBody, given
from jackfield_plugins.openai.threads import TextThreads


class TokenizeBody(msgspec.Struct, kw_only=True):
    """`prompt`, or `messages` and what else goes to a chat template."""

    model: str
    prompt: str | None = None
    messages: msgspec.Raw = ABSENT
    add_special_tokens: bool = True
    return_token_strs: bool | None = None


class DetokenizeBody(msgspec.Struct, kw_only=True):
    """`tokens` are counted before they are decoded."""

    model: str
    tokens: msgspec.Raw


_tokenize = msgspec.json.Decoder(TokenizeBody)
_detokenize = msgspec.json.Decoder(DetokenizeBody)


class Tokens:
    """Both routes."""

    def __init__(self, models: Models, threads: TextThreads) -> None:
        self._models = models
        self._threads = threads

    async def tokenize(self, call: Call) -> Answer:
        """Text or messages to tokens. Raises what went wrong."""
        body = await call.decoded(_tokenize)
        speaker = await self._models.speaker(body.model)
        if given(body.messages):
            chat: ChatBody = await call.decoded(CHAT)
            tokens = (await self._threads.run(body.model, conversation, speaker, chat))[0].tolist()
        elif body.prompt is not None:
            tokens = await self._threads.run(body.model, _encoded, speaker, body.prompt, body.add_special_tokens)
        else:
            raise Fault("the request must have 'prompt' or 'messages'", "prompt")
        found: dict[str, Any] = {
            "count": len(tokens),
            "max_model_len": speaker.language.context,
            "tokens": tokens,
            "token_strs": None,
        }
        if body.return_token_strs:
            found["token_strs"] = [speaker.language.tokenizer.spelling(token) for token in tokens]
        return 200, orjson.dumps(found)

    async def detokenize(self, call: Call) -> Answer:
        """Tokens to text. Raises what went wrong."""
        body = await call.decoded(_detokenize)
        speaker = await self._models.speaker(body.model)
        return 200, orjson.dumps({"prompt": await self._threads.run(body.model, _decoded, speaker, body.tokens)})


def _encoded(speaker: Speaker, text: str, special: bool) -> list[int]:
    try:
        return speaker.language.tokenizer.encode(text, special=special)
    except TooLarge as error:
        raise Fault(str(error), "prompt", CONTEXT) from None


def _decoded(speaker: Speaker, raw: msgspec.Raw) -> str:
    tokens = tokens_of(raw, "tokens", speaker.language.context)
    vocabulary = speaker.language.tokenizer.vocabulary
    for token in tokens:
        if not 0 <= token < vocabulary:
            raise Fault(f"'tokens' must hold tokens from 0 to {vocabulary - 1}, got {str(token)[:30]}", "tokens")
    return speaker.language.tokenizer.decode(tokens, special=True)
