"""How a byte-level tokenizer cuts a text before it merges, by the name that GGUF gives it (`tokenizer.ggml.pre`).

The patterns are part of the vocabularies: a tokenizer that cuts otherwise gives other tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
_QWEN2 = _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
_TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True, slots=True)
class Splitting:
    """`pattern`: the words, as a regular expression; empty: those of GPT-2. `digits`: each digit is a word of its own.
    `composed`: letters and accents are composed first. `whole_words`: a word that is a token is not merged."""

    pattern: str = ""
    digits: bool = False
    composed: bool = False
    whole_words: bool = False

    def pre_tokenizer(self) -> Any:
        """What cuts, and spells bytes as letters."""
        from tokenizers import Regex, pre_tokenizers

        letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not self.pattern)
        if self.digits:
            return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), letters])
        if self.pattern:
            return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(self.pattern), "isolated"), letters])
        return letters

    def normalizer(self) -> Any:
        """What is done to a text before; None: nothing."""
        from tokenizers import normalizers

        return normalizers.NFC() if self.composed else None


_DIGITS = Splitting(digits=True)
_LLAMA3_WAY = Splitting(_LLAMA3, whole_words=True)
_KNOWN: Mapping[str, Splitting] = {
    "gpt-2": Splitting(),
    "smollm": _DIGITS,
    "starcoder": _DIGITS,
    "refact": _DIGITS,
    "llama-bpe": _LLAMA3_WAY,
    "llama3": _LLAMA3_WAY,
    "llama-v3": _LLAMA3_WAY,
    "smaug-bpe": _LLAMA3_WAY,
    "qwen2": Splitting(_QWEN2, composed=True),
    "deepseek-r1-qwen": Splitting(_QWEN2, composed=True),
    "tekken": Splitting(_TEKKEN, whole_words=True),
}


def splitting(name: str) -> Splitting | None:
    """How the tokenizer that GGUF calls `name` cuts; None if that is not known."""
    return _KNOWN.get(name)


def known() -> list[str]:
    """The names that `splitting` knows, sorted."""
    return sorted(_KNOWN)
