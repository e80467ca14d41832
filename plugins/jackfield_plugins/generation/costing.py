"""What a generation will cost a replica, before anybody has looked at it closely."""

from __future__ import annotations

from typing import Any

from jackfield import Request
from jackfield_plugins.generation.accepting import TOKENS
from jackfield_plugins.generation.parameters import MAX_N, Begun, Parameters

_LONG = 512
"""Tokens of an answer that are foreseen at most: clients allow far more than models say."""
_UNSAID = 256
"""Tokens of an answer for which no limit is given."""


def cost_of(request: Request) -> int:
    """Tokens that are to be computed for `request`: its prompt, what is given of its answer, and the rest of that as
    far as it can be foreseen, for each choice. What cannot be right counts as if it had not been said: it is refused
    later."""
    sampling = request.parameters.get("sampling")
    most: Any
    n: Any
    given: Any
    begun: Any
    if isinstance(sampling, Parameters):
        most, n, given, begun = sampling.max_tokens, sampling.n, sampling.given, sampling.begun
    else:
        said = sampling if isinstance(sampling, dict) else request.parameters  # it may come from a front process
        most, n, given, begun = (said.get(name) for name in ("max_tokens", "n", "given", "begun"))
    answer = min(_whole(most, _UNSAID, 2**31), _LONG)
    told = [len(given)] if given and isinstance(given, tuple | list) else [0] * _whole(n, 1, MAX_N)
    if isinstance(begun, tuple | list) and len(begun) <= MAX_N:
        told = [len(one.tokens) for one in begun if isinstance(one, Begun) and not one.finish] or told
    return request.inputs[TOKENS].size + sum([count + max(answer - count, 1) for count in told])


def _whole(value: Any, unsaid: int, most: int) -> int:
    return value if isinstance(value, int) and 0 < value <= most else unsaid
