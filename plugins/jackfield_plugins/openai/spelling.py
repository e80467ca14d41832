"""What tokens are called where each is told of by itself: as text, as bytes, and as a key."""

from __future__ import annotations

from jackfield_plugins.generation.text.tokenizer import TextTokenizer

_MOST_KEPT = 65536


class TokenTexts:
    """Of one tokenizer. Keeps what it has made. Thread-safe."""

    def __init__(self, tokenizer: TextTokenizer) -> None:
        self._tokenizer = tokenizer
        self._known: dict[int, tuple[str, list[int]]] = {}

    def of(self, token: int) -> tuple[str, list[int]]:
        """Its text, with a replacement character for what is no character by itself, and its bytes."""
        found = self._known.get(token)
        if found is None:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            piece = self._tokenizer.piece(token)
            found = self._known[token] = piece.decode("utf-8", "replace"), list(piece)
        return found

    def key(self, token: int) -> str:
        """Its text, or its bytes as `bytes:\\xe2\\x82` if it is no text by itself, so that two tokens never look
        alike for that reason."""
        text, piece = self.of(token)
        if "\ufffd" in text:
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in piece)
        return text
