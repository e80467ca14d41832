"""A tokenizer with bounds. Thread-safe; long texts are not for the event loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from jackfield.errors import InvalidRequest, TooLarge
from jackfield_plugins.generation.text.detokenizer import ByteDetokenizer, Detokenizer, WindowDetokenizer
from jackfield_plugins.generation.text.pieces import pieces_of

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer


class _Known(dict[int, bytes]):
    """What tokens stand for, as far as anybody has asked. No token that there is not stays in it."""

    def __init__(self, piece: Callable[[int], bytes]) -> None:
        super().__init__()
        self._piece = piece

    def __missing__(self, token: int) -> bytes:
        found = self._piece(token)
        if found:
            self[token] = found
        return found


class TextTokenizer:
    """Wraps a `tokenizers.Tokenizer` for a model with `vocabulary` tokens and a context of `context` positions.

    `largest`: most bytes of a text. No token stands for more than a certain number of bytes, so a text that is larger
    than that times the context has too many tokens for certain, and is refused without being looked at. `slack`
    multiplies it, for a tokenizer that leaves things out, such as spaces.
    """

    def __init__(self, tokenizer: Tokenizer, vocabulary: int, context: int, slack: int = 1) -> None:
        tokenizer.no_truncation()  # a text is refused, never cut
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._pieces = pieces_of(tokenizer)
        self.vocabulary = vocabulary
        self.context = context
        self.slack = slack
        added = tokenizer.get_added_tokens_decoder()
        self.special: frozenset[int] = frozenset(token for token, about in added.items() if about.special)
        """Tokens that mark something, and are not shown as text."""
        self._spelt, self._told = _Known(self.piece), _Known(self._shown)
        longest = max((len(spelling.encode()) for spelling in tokenizer.get_vocab()), default=1)
        self.largest = longest * context * slack

    def encode(self, text: str, special: bool = True) -> list[int]:
        """The tokens of `text`. `special`: with those that the tokenizer puts around a text, such as its beginning.

        Raises TooLarge if the text has more than `largest` bytes, InvalidRequest if it is not Unicode or has a token
        that the model has no embedding for. Releases the GIL.
        """
        self._check(text)
        return self._tokens(self._tokenizer.encode(text, add_special_tokens=special))

    def encode_start(self, text: str, most: int) -> list[int]:
        """As `encode`, but of a text with more than `most` tokens the first ones, with those that the tokenizer puts
        around it. What is larger than `largest` is cut there before it is looked at."""
        start = text[: self.largest]
        self._check_unicode(start)
        encoding = self._tokenizer.encode(start, add_special_tokens=False)
        encoding.truncate(max(most - self._tokenizer.num_special_tokens_to_add(False), 0))
        return self._tokens(self._tokenizer.post_process(encoding))

    def encode_batch(self, texts: Sequence[str], special: bool = True) -> list[list[int]]:
        """As `encode`, for many texts at once, on several threads."""
        for text in texts:
            self._check(text)
        return [self._tokens(one) for one in self._tokenizer.encode_batch(list(texts), add_special_tokens=special)]

    def decode(self, tokens: Sequence[int], special: bool = False) -> str:
        """The text of `tokens`, all that a detokenizer would give. `special`: show special tokens as they are spelt."""
        detokenizer = self.detokenizer(special)
        return "".join([*(detokenizer.add(token) for token in tokens), detokenizer.finish()])

    def detokenizer(self, special: bool = False) -> Detokenizer:
        """A new one, for one sequence."""
        if self._pieces is None:
            return WindowDetokenizer(lambda ids: self._tokenizer.decode(list(ids), skip_special_tokens=not special))
        known = self._spelt if special else self._told
        return ByteDetokenizer(known.__getitem__, self._pieces.strips)

    def piece(self, token: int) -> bytes:
        """The bytes that `token` stands for, as far as it can be told alone; none for a token that has no spelling."""
        spelling = self._tokenizer.id_to_token(token)
        if spelling is None:
            return b""
        if self._pieces is None:
            return self._tokenizer.decode([token], skip_special_tokens=False).encode()
        return self._pieces.of(spelling)

    def json(self) -> str:
        """All of it as text, out of which the library makes it again."""
        return self._tokenizer.to_str()

    def token(self, spelling: str) -> int | None:
        """The token that is spelt so, None if there is none."""
        return self._tokenizer.token_to_id(spelling)

    def spelling(self, token: int) -> str | None:
        """How the vocabulary spells `token`, None if it has no such token."""
        return self._tokenizer.id_to_token(token)

    def _shown(self, token: int) -> bytes:
        return b"" if token in self.special else self.piece(token)

    def _check(self, text: str) -> None:
        size = len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
        if size > self.largest:
            raise TooLarge(
                f"a text of {size} bytes has more than the {self.context} tokens that the model can attend to; at most "
                f"{self.largest} bytes are tokenized"
            )
        self._check_unicode(text)

    def _check_unicode(self, text: str) -> None:
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise InvalidRequest(f"the text holds a lone surrogate at character {error.start}") from None

    def _tokens(self, encoding: Encoding) -> list[int]:
        ids: list[int] = encoding.ids
        if ids and max(ids) >= self.vocabulary:
            wrong = max(ids)
            raise InvalidRequest(
                f"the text has the token {wrong} ('{self._tokenizer.id_to_token(wrong)}'), and the model knows "
                f"{self.vocabulary}"
            )
        return ids
