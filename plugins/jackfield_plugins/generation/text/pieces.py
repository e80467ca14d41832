"""The bytes that each token stands for, as the decoder of its tokenizer says.

Two kinds of tokenizers spell tokens as bytes: byte-level ones, whose alphabet has a letter for each byte (the one of
GPT-2, Radford et al. 2019), and SentencePiece ones, with `▁` for a space and `<0x0A>` for a byte (Kudo and Richardson,
2018). What a token gives does not depend on its neighbours there, but for one space at the very beginning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


@dataclass(frozen=True, slots=True)
class Pieces:
    """`of`: the bytes of a token's spelling. `strips`: how many spaces are taken from the beginning of a text."""

    of: Callable[[str], bytes]
    strips: int = 0


def pieces_of(tokenizer: Tokenizer) -> Pieces | None:
    """How the tokens of `tokenizer` are spelt; None if they can only be decoded together."""
    decoder: dict[str, Any] | None = json.loads(tokenizer.to_str()).get("decoder")
    if decoder is None:
        return None
    steps = decoder["decoders"] if decoder["type"] == "Sequence" else [decoder]
    kinds = [step["type"] for step in steps]
    if kinds == ["ByteLevel"]:
        return Pieces(_byte_level)
    if kinds == ["Metaspace"] and decoder["replacement"] == "▁":
        return Pieces(_sentence_piece, 0 if decoder.get("prepend_scheme") == "never" else 1)
    if not set(kinds) <= {"Replace", "ByteFallback", "Fuse", "Strip"} or "ByteFallback" not in kinds:
        return None
    strips = 0
    for step in steps:
        if step["type"] == "Replace" and (step["pattern"], step["content"]) != ({"String": "▁"}, " "):
            return None
        if step["type"] == "Strip":
            if step["content"] != " " or step["stop"]:
                return None
            strips = step["start"]
    return Pieces(_sentence_piece, strips)


def _alphabet() -> dict[str, int]:
    # printable bytes stand for themselves, the others for the code points from 256 on, in order
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    letters = {chr(byte): byte for byte in printable}
    letters.update({chr(256 + index): byte for index, byte in enumerate(others)})
    return letters


_BYTES = _alphabet()


def _byte_level(spelling: str) -> bytes:
    try:
        return bytes([_BYTES[letter] for letter in spelling])
    except KeyError:  # an added token, which is spelt as text
        return spelling.encode()


def _sentence_piece(spelling: str) -> bytes:
    if byte := _BYTE.fullmatch(spelling):
        return bytes([int(byte[1], 16)])
    return spelling.replace("▁", " ").encode()
