"""The key without which nothing can be loaded or unloaded through this endpoint."""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

from jackfield.errors import ConfigError, JackfieldError
from jackfield_plugins.open_inference.headers import Headers

HEADER = b"x-repository-key"
_LEAST = 16  # characters: shorter ones can be guessed


class NoRepositoryKey(JackfieldError):
    """The request does not have the key: 401."""


class RepositoryKey:
    """`secret` is the key itself; only its hash is kept."""

    def __init__(self, secret: str) -> None:
        self._hash = _hashed(secret.encode())

    def check(self, headers: Headers) -> None:
        """Raise NoRepositoryKey if `headers` do not have it: as `X-Repository-Key`, or as a bearer token, where that
        header is not needed for a key of the server's own."""
        given = headers.get(HEADER)
        if given is None:
            kind, _, token = headers.get(b"authorization", b"").partition(b" ")
            given = token.strip() if kind.lower() == b"bearer" else None
        # hashes are compared, so that neither the key's length nor how far a guess is right shows in the time
        if given is None or not hmac.compare_digest(_hashed(given), self._hash):
            raise NoRepositoryKey("the repository's key is missing or wrong: send it as `Authorization: Bearer KEY`")


def repository_key(env: str | None, file: Path | None) -> RepositoryKey:
    """The key in the environment variable `env`, or in `file`; raises ConfigError, which never shows it."""
    if file is not None:
        where = f"file '{file}'"
        try:
            secret = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise ConfigError(
                f"endpoints.open-inference.repository_key_file: {where} cannot be read: {reason}"
            ) from None
    else:
        where = f"environment variable '{env}'"
        secret = os.environ.get(env or "", "").strip()
    if len(secret) < _LEAST or not secret.isascii() or not secret.isprintable():
        raise ConfigError(
            f"endpoints.open-inference: {where} must hold a key of {_LEAST} or more printable ASCII characters, for "
            "whoever loads models through this endpoint"
        )
    return RepositoryKey(secret)


def _hashed(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
