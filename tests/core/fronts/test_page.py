"""All see what one writes."""

from __future__ import annotations

import math
import os

from jackfield.fronts.page import MOST, Count, Page


def test_counters_are_seen_by_all_and_add_up() -> None:
    here = Page()
    there = Page(os.dup(here.descriptor))
    for front in range(MOST):
        there.write(front, Count.OPEN, front)
    assert here.read(3, Count.OPEN) == 3
    assert here.total(Count.OPEN) == MOST * (MOST - 1) / 2
    assert here.total(Count.TAKEN) == 0
    here.write_free(5, math.inf)
    here.write_free(6, 1000.0)
    assert (there.free(5), there.free(6)) == (math.inf, 1000.0)
    assert here.total(Count.OPEN) == MOST * (MOST - 1) / 2
    there.close()
    here.close()
