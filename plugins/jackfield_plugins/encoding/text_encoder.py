"""What endpoints know of a model that embeds texts: `Version.about` is one of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jackfield.errors import InvalidRequest, TooLarge
from jackfield_plugins.generation.text.tokenizer import TextTokenizer


@dataclass(frozen=True, slots=True, eq=False)
class TextEncoder:
    """`limit`: most tokens of a text, with those that the tokenizer puts around it. `dimensions`: elements of an
    embedding. `truncate`: whether a longer text is cut; otherwise it is refused. Thread-safe; not for the event loop.

    Tokens go to the model as its input `tokens`, INT32 [texts, longest], a row filled up with FILL behind its own.
    """

    tokenizer: TextTokenizer
    limit: int
    dimensions: int
    truncate: bool = False

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text, as the model takes them. Releases the GIL while it works.

        Raises InvalidRequest naming the text's number, its tokens and the limit, or what in it is not Unicode.
        """
        return [self._tokens(number, text) for number, text in enumerate(texts)]

    def _tokens(self, number: int, text: str) -> list[int]:
        try:
            found = self.tokenizer.encode_start(text, self.limit) if self.truncate else self.tokenizer.encode(text)
        except TooLarge:
            size = len(text.encode(errors="surrogatepass"))
            raise TooLarge(
                f"text {number} has {size} bytes, and at most {self.tokenizer.largest} are looked at: the model takes "
                f"{self.limit} tokens"
            ) from None
        except InvalidRequest as error:
            raise InvalidRequest(f"text {number}: {error}") from None
        if len(found) > self.limit:
            raise InvalidRequest(
                f"text {number} has {len(found)} tokens, and the model takes at most {self.limit}: shorten it"
            )
        if not found:  # a tokenizer that puts nothing around a text has no tokens for an empty one
            raise InvalidRequest(f"text {number} has no tokens, and nothing can be said about it")
        return found


FILL = -1
"""Stands behind a row's tokens where another row of the same tensor is longer."""
