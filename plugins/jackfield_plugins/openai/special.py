"""Special tokens in what clients wrote, which must not become them: a user who writes `<|im_end|>` would end their own
turn and speak in another's name.

Their spellings are put out of sight before the template runs and put back when its text is made tokens, spelt with
ordinary ones. The template's own special tokens stay what they are.
"""

from __future__ import annotations

import re
import secrets
from typing import Any

from jackfield_plugins.generation.text.tokenizer import TextTokenizer
from jackfield_plugins.openai.fault import Fault

_DEEPEST = 100


class Hidden:
    """For one prompt of one model; `spellings` finds the special tokens' (see `spellings`). Not shared by threads."""

    def __init__(self, tokenizer: TextTokenizer, spellings: re.Pattern[str] | None) -> None:
        self._tokenizer = tokenizer
        self._spellings = spellings
        self._found: list[str] = []
        self._nonce = secrets.token_hex(8)  # nobody can write a mark of their own

    def hide(self, value: Any, depth: int = 0) -> Any:
        """`value`, plain data, with marks in place of spellings. Raises Fault if it is nested more deeply than any
        template looks."""
        if depth > _DEEPEST:
            raise Fault(f"what the chat template is given may be nested {_DEEPEST} deep, not more")
        if isinstance(value, str):
            return value if self._spellings is None else self._spellings.sub(self._marked, value)
        if isinstance(value, dict):
            return {self.hide(key): self.hide(one, depth + 1) for key, one in value.items()}
        if isinstance(value, list):
            return [self.hide(one, depth + 1) for one in value]
        return value

    def mark(self) -> str:
        """A mark that stands for nothing."""
        return self._marked(None)

    def tokens(self, text: str) -> list[int]:
        """The tokens of `text`, which a template made."""
        if not self._found:
            return self._tokenizer.encode(text, special=False)
        found: list[int] = []
        for number, part in enumerate(re.split(rf"m{self._nonce}n(\d+)e", text)):
            if number % 2:
                found += self._literal(self._found[int(part)])
            elif part:
                found += self._tokenizer.encode(part, special=False)
        return found

    def _marked(self, match: re.Match[str] | None) -> str:
        self._found.append(match[0] if match is not None else "")
        return f"m{self._nonce}n{len(self._found) - 1}e"

    def _literal(self, spelling: str) -> list[int]:
        """`spelling` in two halves, neither of which is a special token; or letter by letter."""
        special = self._tokenizer.special
        for parts in ((spelling[:1], spelling[1:]), tuple(spelling)):
            tokens = [token for part in parts if part for token in self._tokenizer.encode(part, special=False)]
            if special.isdisjoint(tokens):
                return tokens
        return [token for token in tokens if token not in special]


def spellings(tokenizer: TextTokenizer) -> re.Pattern[str] | None:
    """What finds the special tokens' spellings in a text, longer ones first; None if there are none."""
    found = [spelling for token in tokenizer.special if (spelling := tokenizer.spelling(token))]
    return re.compile("|".join(map(re.escape, sorted(found, key=len, reverse=True)))) if found else None
