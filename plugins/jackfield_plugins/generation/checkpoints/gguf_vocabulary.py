"""A tokenizer out of nothing but the metadata of a GGUF file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jackfield.errors import LoadError
from jackfield_plugins.generation.checkpoints.gguf_file import GgufFile
from jackfield_plugins.generation.checkpoints.gguf_splitting import known, splitting

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_UNKNOWN, _CONTROL, _USER, _BYTE = 2, 3, 4, 6  # of tokenizer.ggml.token_type


class Vocabulary:
    """What the metadata says of the tokenizer; raises LoadError naming the key that is missing or wrong."""

    def __init__(self, file: GgufFile) -> None:
        self._file = file
        self.model: str = self.value("model", str)
        self.tokens: list[str] = self.value("tokens", list)
        self.types: list[int] = self.value("token_type", list, [1] * len(self.tokens))
        self._check()

    def value(self, key: str, kind: type, default: Any = None) -> Any:
        """The value of a key of `tokenizer.ggml`, which must be of the type `kind`."""
        name = f"tokenizer.ggml.{key}"
        value = self._file.metadata.get(name, default)
        if value is None:
            raise LoadError(f"'{self._file.source}' does not say '{name}', which its tokenizer needs")
        if not isinstance(value, kind):
            raise self.wrong(key, f"a value of type {type(value).__name__}", f"a {kind.__name__}")
        return value

    def given(self, key: str) -> bool:
        """Whether the metadata has the key."""
        return f"tokenizer.ggml.{key}" in self._file.metadata

    def token(self, key: str) -> int | None:
        """The token that `key`_token_id names; None if there is none."""
        value = self._file.metadata.get(f"tokenizer.ggml.{key}_token_id")
        if value is None or value == 2**32 - 1:  # how some files say none
            return None
        if not isinstance(value, int) or not 0 <= value < len(self.tokens):
            raise self.wrong(f"{key}_token_id", repr(value), f"a token below {len(self.tokens)}")
        return value

    def wrong(self, key: str, got: str, right: str) -> LoadError:
        """The error that says so."""
        return LoadError(f"'tokenizer.ggml.{key}' of '{self._file.source}' is {got}, and must be {right}")

    def _check(self) -> None:
        if not self.tokens or not all(isinstance(token, str) for token in self.tokens):
            raise self.wrong("tokens", "empty or not of texts", "a list of texts")
        if len(self.types) != len(self.tokens) or not all(isinstance(one, int) for one in self.types):
            raise self.wrong("token_type", f"{len(self.types)} long", f"a list of {len(self.tokens)} numbers")


def tokenizer_of(file: GgufFile) -> Tokenizer:
    """The tokenizer that the metadata describes: byte-level BPE (`gpt2`), or SentencePiece's BPE (`llama`).

    Raises LoadError naming the key that is missing or wrong, or what is not known.
    """
    vocabulary = Vocabulary(file)
    if vocabulary.model == "gpt2":
        tokenizer = _byte_level(vocabulary)
    elif vocabulary.model == "llama":
        tokenizer = _sentence_piece(vocabulary)
    else:
        raise vocabulary.wrong("model", repr(vocabulary.model), "one of 'gpt2', 'llama'")
    _add_tokens(tokenizer, vocabulary)
    _add_ends(tokenizer, vocabulary)
    return tokenizer


def _byte_level(vocabulary: Vocabulary) -> Tokenizer:
    from tokenizers import Tokenizer, decoders, models

    merges = []
    for merge in vocabulary.value("merges", list):
        left, space, right = merge.partition(" ") if isinstance(merge, str) else ("", "", "")
        if not space:
            raise vocabulary.wrong("merges", f"a list with {merge!r}", "a list of two spellings with a space between")
        merges.append((left, right))
    pre = vocabulary.value("pre", str)
    how = splitting(pre)
    if how is None:  # one that cuts a little otherwise would give a little other tokens, and nobody would notice
        raise vocabulary.wrong("pre", repr(pre), f"one of {', '.join(repr(name) for name in known())}")
    tokenizer = Tokenizer(_bpe(vocabulary, models, merges, ignore_merges=how.whole_words))
    tokenizer.pre_tokenizer = how.pre_tokenizer()
    tokenizer.normalizer = how.normalizer()
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _sentence_piece(vocabulary: Vocabulary) -> Tokenizer:
    from tokenizers import Tokenizer, decoders, models, normalizers

    unknown = next((t for t, kind in zip(vocabulary.tokens, vocabulary.types, strict=True) if kind == _UNKNOWN), None)
    scores = vocabulary.value("scores", list)
    if len(scores) != len(vocabulary.tokens):
        raise vocabulary.wrong("scores", f"{len(scores)} long", f"a list of {len(vocabulary.tokens)} numbers")
    fallback = _BYTE in vocabulary.types
    options = {"unk_token": unknown, "fuse_unk": True, "byte_fallback": fallback}
    tokenizer = Tokenizer(_bpe(vocabulary, models, _merges(vocabulary.tokens, scores), **options))
    prefixed = vocabulary.value("add_space_prefix", bool, True)
    spaces = normalizers.Replace(" ", "▁")
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), spaces]) if prefixed else spaces
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if prefixed else steps)
    return tokenizer


def _merges(tokens: Sequence[str], scores: Sequence[float]) -> list[tuple[str, str]]:
    """SentencePiece joins the two neighbours whose join has the best score: so each way to halve a token is a merge,
    ranked by the score of what it makes, and among equals by the rank of the halves."""
    rank = {token: index for index, token in enumerate(tokens)}
    found = []
    for token, score in zip(tokens, scores, strict=True):
        halves = [(token[:at], token[at:]) for at in range(1, len(token))]
        known = [(rank[left], rank[right], left, right) for left, right in halves if left in rank and right in rank]
        found += [(-score, rank[token], left, right) for _, _, left, right in sorted(known)]
    found.sort(key=lambda one: one[:2])
    return [(left, right) for _, _, left, right in found]


def _bpe(vocabulary: Vocabulary, models: Any, merges: list[tuple[str, str]], **options: Any) -> Any:
    numbered = {token: index for index, token in enumerate(vocabulary.tokens)}
    try:
        return models.BPE(numbered, merges, **options)
    except Exception as error:  # the library raises nothing more particular
        raise vocabulary.wrong(
            "merges", f"not usable ({error})", "merges of tokens that are in the vocabulary"
        ) from error


def _add_tokens(tokenizer: Tokenizer, vocabulary: Vocabulary) -> None:
    from tokenizers import AddedToken

    marks, words = [], []
    for token, kind in zip(vocabulary.tokens, vocabulary.types, strict=True):
        if kind in (_CONTROL, _UNKNOWN) and token:
            marks.append(AddedToken(token, special=True, normalized=False))
        elif kind == _USER and token:
            words.append(AddedToken(token, special=False, normalized=False))
    tokenizer.add_special_tokens(marks)
    tokenizer.add_tokens(words)


def _add_ends(tokenizer: Tokenizer, vocabulary: Vocabulary) -> None:
    from tokenizers import processors

    pre = vocabulary.value("pre", str, "")
    begins_by_itself = vocabulary.model == "llama" or pre == "llama-bpe"
    begin = vocabulary.token("bos") if vocabulary.value("add_bos_token", bool, begins_by_itself) else None
    end = vocabulary.token("eos") if vocabulary.value("add_eos_token", bool, False) else None
    ends = [vocabulary.tokens[token] if token is not None else None for token in (begin, end)]
    if not any(ends):
        return
    around = [*([f"{ends[0]}:0"] if ends[0] else []), "$A:0", *([f"{ends[1]}:0"] if ends[1] else [])]
    named = [(vocabulary.tokens[token], token) for token in (begin, end) if token is not None]
    tokenizer.post_processor = processors.TemplateProcessing(single=around, special_tokens=named)
