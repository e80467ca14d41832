"""The domain's own errors. Each docstring says when to raise it and what a client sees.

Only an endpoint turns one of these into a status code of its protocol; nothing else in the project knows
about status codes.
"""

from __future__ import annotations

from math import ceil


class JackfieldError(Exception):
    """Base of all errors that Jackfield raises on purpose; its text is safe to show to a client."""


class InvalidRequest(JackfieldError):
    """The request itself is wrong (name, shape, datatype, parameter). The client must change it: never retry."""


class TooLarge(InvalidRequest):
    """A header, body, tensor or list exceeds a configured limit. The client must send less."""


class NotFound(JackfieldError):
    """The model, version or route does not exist here."""


class Unsupported(JackfieldError):
    """Well-formed, but nothing here can do it. The client must not retry."""


class Unavailable(JackfieldError):
    """Not now: not ready, draining, or the worker is gone. The client may retry after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    @property
    def whole_seconds(self) -> int:
        """`retry_after` as Retry-After has it."""
        return max(ceil(self.retry_after), 1)


class Overloaded(Unavailable):
    """A queue is full. Said before any costly work; counted as shed. The client may retry later."""


class QuotaExceeded(Unavailable):
    """A key has used up what it may ask for. The client may retry after `retry_after` seconds; others are served."""


class Unauthenticated(JackfieldError):
    """There is no key with the request where one is needed, or none that is known. Never says which keys there are."""


class Forbidden(JackfieldError):
    """The key is known, and has not been given the right to this. The client must not retry."""


class Expired(JackfieldError):
    """The request's deadline passed before it reached a device, or before its step ended."""


class Cancelled(JackfieldError):
    """The client went away or withdrew the request. Nobody is left to see this, unless it was withdrawn by hand."""


class ExecutionFailed(JackfieldError):
    """The model raised, or returned something that does not match its signature, for this request alone."""


class OutOfMemory(ExecutionFailed):
    """The device has not enough memory for a step of this size. Smaller steps are formed from then on; a request that
    is too large by itself fails."""


class LoadError(JackfieldError):
    """A model could not be opened, probed or warmed up. The version becomes `failed` with this as its reason."""


class ConfigError(JackfieldError):
    """The configuration is wrong. Raised before anything is loaded; the command line exits with status 2."""


class PluginError(JackfieldError):
    """A plugin cannot be used. One sentence that names plugin and distribution; the command line exits with 2."""
