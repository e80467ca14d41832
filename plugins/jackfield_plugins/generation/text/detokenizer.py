"""Text out of tokens as they come, never with half a character."""

from __future__ import annotations

import codecs
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence


class Detokenizer(ABC):
    """One for each sequence. What `add` and `finish` give, joined, is the text of all tokens."""

    @abstractmethod
    def add(self, token: int) -> str:
        """The text that has become whole with `token`; often empty, for a token may end within a character."""

    @abstractmethod
    def finish(self) -> str:
        """What was held back: a replacement character for what never became whole. Nothing is added afterwards."""


class ByteDetokenizer(Detokenizer):
    """Where each token stands for bytes: `piece` gives them, b"" for a token that is not shown.

    Bytes that are not UTF-8 become replacement characters, one for each longest part that could have begun a character,
    as the Unicode standard recommends (chapter 3.9). `strips`: how many spaces the beginning of the text loses.
    """

    def __init__(self, piece: Callable[[int], bytes], strips: int = 0) -> None:
        self._piece = piece
        self._strips = strips
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, token: int) -> str:
        """See the base class."""
        return self._stripped(self._decoder.decode(self._piece(token)))

    def finish(self) -> str:
        """See the base class."""
        return self._stripped(self._decoder.decode(b"", final=True))

    def _stripped(self, text: str) -> str:
        while self._strips and text:
            if text[0] != " ":
                self._strips = 0
                break
            self._strips -= 1
            text = text[1:]
        return text


class WindowDetokenizer(Detokenizer):
    """Where tokens can only be decoded together: decodes the last few anew, and gives what has been added.

    The window begins where text was last given, and always holds the tokens before it too, so that what a decoder does
    at the beginning of a text shows in neither or in both.
    """

    _MOST_HELD = 8  # no character takes more tokens; what is still broken then stays so

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._before: list[int] = []
        self._held: list[int] = []

    def add(self, token: int) -> str:
        """See the base class."""
        self._held.append(token)
        return self._given(final=len(self._held) >= self._MOST_HELD)

    def finish(self) -> str:
        """See the base class."""
        return self._given(final=True)

    def _given(self, final: bool) -> str:
        shown, whole = self._decode(self._before), self._decode(self._before + self._held)
        if whole.endswith("\ufffd") and not final:
            return ""
        if len(whole) > len(shown):
            self._before, self._held = self._held, []
        return whole[len(shown) :]
