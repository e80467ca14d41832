"""Keys and their hashes."""

from __future__ import annotations

import hashlib
import secrets

PREFIX = "jf-"
_BYTES = 32

SCHEME = "sha256:"
HASH = rf"{SCHEME}[0-9a-f]{{64}}"
"""What an entry has in place of the key."""


def new_key() -> str:
    """A key of 256 random bits, in letters, digits, '-' and '_'."""
    return PREFIX + secrets.token_urlsafe(_BYTES)


def digest(key: bytes) -> bytes:
    """The SHA-256 of `key`. A slow hash protects what people make up, of which there are few; of what `new_key` makes
    there are too many to try at any speed, and a slow hash would let anybody keep the server busy with wrong keys."""
    return hashlib.sha256(key).digest()


def hashed(key: str) -> str:
    """What stands in the entry of `key`."""
    return SCHEME + digest(key.encode()).hex()
