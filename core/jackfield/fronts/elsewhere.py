"""What a front process does not know."""

from __future__ import annotations


class Elsewhere(BaseException):
    """Only where the models are can this request be answered: it goes there, from its beginning.

    No Exception, because it is no error: an endpoint that answers errors must not take it for one.
    """
