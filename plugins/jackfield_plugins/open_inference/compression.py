"""Compressed bodies: gzip and deflate, within a limit, and off the event loop where it takes a while."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

from jackfield.errors import InvalidRequest, TooLarge
from jackfield_plugins.open_inference.texts import shown

_AT_ONCE = 64 * 1024  # bytes that are (de)compressed on the event loop
_GZIP = 31
_LEVEL = 1


class UnknownEncoding(InvalidRequest):
    """The body is compressed in a way that is not known here: 415."""


async def decompressed(body: bytes, encodings: bytes, most: int) -> bytes:
    """`body` without the compression that `encodings` (Content-Encoding) names.

    Raises UnknownEncoding; TooLarge if the result has more than `most` bytes, after no more than that was made of it;
    InvalidRequest if it is not what it is said to be.
    """
    names = [name for part in encodings.split(b",") if (name := part.strip().lower()) != b"identity"]
    if not names:
        return body
    if len(names) > 1:
        raise UnknownEncoding("Content-Encoding names several encodings, and only one is undone")
    name = names[0]
    if name not in (b"gzip", b"deflate"):
        raise UnknownEncoding(
            f"Content-Encoding '{shown(name.decode('latin-1'), 40)}' is not known, only gzip and deflate"
        )
    decompressor = zlib.decompressobj(_GZIP if name == b"gzip" else _deflate_format(body))
    try:
        first = decompressor.decompress(body, min(_AT_ONCE, most + 1))
        left = most + 1 - len(first)
        if not decompressor.eof and decompressor.unconsumed_tail and left:  # 0 would mean that there is no limit
            first += await asyncio.to_thread(decompressor.decompress, decompressor.unconsumed_tail, left)
    except zlib.error:
        raise InvalidRequest(f"the body is not valid {name.decode()}") from None
    return _whole(first, decompressor, name.decode(), most)


def _whole(content: bytes, decompressor: Any, name: str, most: int) -> bytes:
    if len(content) > most:
        raise TooLarge(f"the body has more than {most} bytes when decompressed")
    if not decompressor.eof:
        raise InvalidRequest(f"the body is {name} that is cut off")
    if decompressor.unused_data:
        raise InvalidRequest(f"the body has bytes after the end of its {name} data")
    return content


def _deflate_format(body: bytes) -> int:
    """By the standard, deflate comes in a zlib envelope; some clients leave that away."""
    enveloped = len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
    return zlib.MAX_WBITS if enveloped else -zlib.MAX_WBITS


async def compressed(body: bytes, encoding: bytes) -> bytes:
    """`body` in `encoding`: gzip or deflate."""
    if len(body) <= _AT_ONCE:
        return _compress(body, encoding)
    return await asyncio.to_thread(_compress, body, encoding)


def accepted(header: bytes) -> bytes | None:
    """The encoding that a client with this Accept-Encoding likes best, of gzip and deflate; None: it prefers none."""
    quality: dict[bytes, float] = {}
    for part in header.lower().split(b",")[:32]:
        name, _, parameter = part.partition(b";")
        key, _, value = parameter.partition(b"=")
        quality[name.strip()] = _quality(value) if key.strip() == b"q" else 1.0
    anything = quality.get(b"*", 0.0)
    best, weight = None, quality.get(b"identity", 0.0)
    for encoding in (b"gzip", b"deflate"):
        offered = quality.get(encoding, anything)
        if offered > 0 and (offered > weight or (best is None and offered == weight)):
            best, weight = encoding, offered
    return best


def _quality(value: bytes) -> float:
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0


def _compress(body: bytes, encoding: bytes) -> bytes:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP if encoding == b"gzip" else zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()
