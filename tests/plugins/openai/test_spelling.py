from __future__ import annotations

from jackfield_plugins.openai.spelling import TokenTexts
from tests.plugins.openai.made import tokenizer


def test_tokens_have_texts_bytes_and_keys() -> None:
    text = tokenizer()
    texts = TokenTexts(text)
    token = text.encode(" the")[0]
    assert texts.of(token) == (text.decode([token]), list(text.decode([token]).encode()))
    assert texts.of(token) is texts.of(token)
    fox = text.encode("🦊")
    halves = [one for one in fox if texts.of(one)[0] == "\ufffd"]
    if halves:
        keys = {texts.key(one) for one in halves}
        assert all(key.startswith("bytes:\\x") for key in keys)
        assert len(keys) == len(set(halves))
    end = text.token("</s>")
    assert end is not None
    assert texts.key(end) == "</s>"
