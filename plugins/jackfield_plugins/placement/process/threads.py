"""How many threads numerical libraries take in a process."""

from __future__ import annotations

import os

_NAMES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "RAYON_NUM_THREADS")


def environment(threads: int | None) -> dict[str, str]:
    """What tells them to take no more than so many; what is set already stays. None: as many as they find best."""
    return {} if threads is None else {name: os.environ.get(name, str(threads)) for name in _NAMES}
