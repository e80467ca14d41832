"""Tokenizers out of metadata alone, against the tokenizers that the vocabularies were made for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from jackfield.errors import LoadError
from jackfield_plugins.generation.checkpoints.gguf_file import GgufFile, read_gguf
from jackfield_plugins.generation.checkpoints.gguf_vocabulary import tokenizer_of
from jackfield_plugins.generation.checkpoints.weights import Weights
from tests.plugins.generation import smollm2
from tests.plugins.generation.checkpoints import files
from tests.plugins.generation.text import tokenizers_made

TEXTS = (
    "Hello, world! It's 12345 o'clock; they'll say we're done.",
    "  leading,  double   and trailing spaces  \n\n\ttabs\r\nlines",
    "日本語のテキスト、한국어, русский, ελληνικά, العربية",
    "naïve cafe\u0301 Größe ﬁ ½ ² ٣٤٥ 🦊👩‍👩‍👧 \u200b",
    "def f(x):\n    return {'a': x**2, \"b\": [1, 2.5e-3]}  # comment\n",
    "<|im_start|>user\nhi<|im_end|>\n",
    "",
)


def made(**values: Any) -> GgufFile:
    about = {**files.metadata(), **{f"tokenizer.ggml.{key}": value for key, value in values.items()}}
    return GgufFile("m", {key: value for key, value in about.items() if value is not None}, Weights("m", {}))


def reference(family: str) -> Any:
    """transformers' own tokenizer of a family, over our small vocabulary."""
    about = files.metadata()
    vocabulary = {token: index for index, token in enumerate(about["tokenizer.ggml.tokens"])}
    merges = [tuple(merge.split(" ")) for merge in about["tokenizer.ggml.merges"]]
    return getattr(transformers, f"{family}Tokenizer")(vocab=vocabulary, merges=merges).backend_tokenizer


def cuts(tokenizer: Tokenizer, text: str) -> list[str]:
    normalised = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer is not None else text
    return [part for part, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normalised)]


@pytest.mark.parametrize(("pre", "family"), [("qwen2", "Qwen2"), ("gpt-2", "GPT2")])
@settings(deadline=None)
@given(text=st.text(max_size=60))
def test_texts_are_cut_as_the_family_cuts_them(pre: str, family: str, text: str) -> None:
    if family not in REFERENCES:
        REFERENCES[family] = reference(family)
    assert cuts(tokenizer_of(made(pre=pre)), text) == cuts(REFERENCES[family], text)


REFERENCES: dict[str, Any] = {}


def test_llama3_takes_three_digits_at_a_time_and_qwen_one() -> None:
    assert cuts(tokenizer_of(made(pre="llama-bpe")), "12345's") == ["123", "45", "'s"]
    assert cuts(tokenizer_of(made(pre="qwen2")), "12345's") == ["1", "2", "3", "4", "5", "'s"]
    assert cuts(tokenizer_of(made(pre="tekken")), "HelloWorld12") == ["Hello", "World", "1", "2"]
    assert cuts(tokenizer_of(made(pre="smollm")), "a 12") == ["a", "Ġ", "1", "2"]


def test_smollm2_is_what_transformers_reads_from_the_same_file() -> None:
    path = smollm2.path()
    ours = tokenizer_of(read_gguf(path, "m"))
    theirs = transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    differing = [text for text in TEXTS if ours.encode(text).ids != theirs(text)["input_ids"]]
    # transformers cuts words as GPT-2 does, SmolLM2 was trained with every digit a word of its own. The vocabulary
    # joins no digits of ASCII, so that it shows at others only.
    assert differing == [text for text in TEXTS if any(c.isnumeric() and not c.isascii() for c in text)]
    for text in TEXTS:
        assert ours.decode(ours.encode(text).ids, skip_special_tokens=False) == text


def test_sentence_piece_out_of_scores() -> None:
    """Scores that fall with the rank of a merge give back the merges."""
    original = tokenizers_made.sentence_piece()
    vocabulary = original.get_vocab()
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    types = [2, 3, 3, *([6] * 256), *([1] * (len(tokens) - 259))]
    merged = [left + right for left, right in json.loads(original.to_str())["model"]["merges"]]
    scores = [-float(merged.index(token)) if token in merged else -1000.0 for token in tokens]
    values = {
        "model": "llama",
        "tokens": tokens,
        "token_type": types,
        "scores": scores,
        "merges": None,
        "add_bos_token": False,
    }
    got = tokenizer_of(made(**values, unknown_token_id=0, bos_token_id=1, eos_token_id=2))
    for text in (*TEXTS, "the hello world well"):
        assert got.encode(text).ids == original.encode(text).ids, text
        assert got.decode(got.encode(text).ids) == original.decode(original.encode(text).ids)
    spaced = tokenizer_of(made(**values, add_space_prefix=False))
    assert spaced.encode("he").tokens == ["he"]
    begun = tokenizer_of(made(**{**values, "add_bos_token": None}, bos_token_id=1))
    assert begun.encode("he").tokens[0] == "<s>", (
        "a text of such a tokenizer begins with a mark unless it says otherwise"
    )


def test_ends_are_added_where_the_metadata_says_so() -> None:
    plain = tokenizer_of(made()).encode("quick").ids
    assert tokenizer_of(made(add_bos_token=True)).encode("quick").ids == [0, *plain]
    assert tokenizer_of(made(add_bos_token=True, add_eos_token=True)).encode("quick").ids == [0, *plain, 1]
    both = tokenizer_of(made(add_bos_token=True, add_eos_token=True))
    assert both.encode("quick", add_special_tokens=False).ids == plain


def test_user_tokens_are_words_and_control_tokens_marks() -> None:
    tokens = [*files.metadata()["tokenizer.ggml.tokens"], "<tool>", "<end>"]
    types = [3, 3, *([1] * (len(tokens) - 4)), 4, 3]
    tokenizer = tokenizer_of(made(tokens=tokens, token_type=types))
    ids = tokenizer.encode("a<tool>b<end>").ids
    assert {len(tokens) - 2, len(tokens) - 1} <= set(ids)
    assert tokenizer.decode(ids) == "a<tool>b"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"model": "bert"}, "'tokenizer.ggml.model' of 'm' is 'bert', and must be one of 'gpt2', 'llama'"),
        ({"pre": "strange"}, "'tokenizer.ggml.pre' of 'm' is 'strange', and must be one of 'deepseek-r1-qwen'"),
        ({"pre": None}, "'m' does not say 'tokenizer.ggml.pre', which its tokenizer needs"),
        ({"tokens": None}, "'m' does not say 'tokenizer.ggml.tokens', which its tokenizer needs"),
        ({"tokens": "x"}, "'tokenizer.ggml.tokens' of 'm' is a value of type str, and must be a list"),
        ({"tokens": [1, 2]}, "'tokenizer.ggml.tokens' of 'm' is empty or not of texts, and must be a list of texts"),
        ({"token_type": [1]}, "'tokenizer.ggml.token_type' of 'm' is 1 long, and must be a list of 310"),
        ({"merges": ["ab"]}, "'tokenizer.ggml.merges' of 'm' is a list with 'ab', and must be a list of two spellings"),
        ({"merges": ["nota token"]}, "'tokenizer.ggml.merges' of 'm' is not usable ("),
        ({"add_bos_token": True, "bos_token_id": 9999}, "'tokenizer.ggml.bos_token_id' of 'm' is 9999, and must be a"),
        ({"model": "llama", "scores": [1.0]}, "'tokenizer.ggml.scores' of 'm' is 1 long, and must be a list of 310"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(LoadError) as caught:
        tokenizer_of(made(**values))
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_a_file_goes_the_whole_way(tmp_path: Path) -> None:
    tokenizer = tokenizer_of(read_gguf(files.write(tmp_path / "m.gguf"), "m"))
    assert tokenizer.decode(tokenizer.encode("the quick brown fox").ids) == "the quick brown fox"
