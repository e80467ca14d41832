"""A process takes no more than its part of the machine."""

from __future__ import annotations

import os

import pytest

from jackfield_plugins.placement.process.threads import environment
from tests.core.lifecycle.fakes import in_loop
from tests.plugins.placement.process.test_placement import _serving, _x


def test_what_is_set_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    found = environment(2)
    assert (found["OMP_NUM_THREADS"], found["MKL_NUM_THREADS"]) == ("7", "2")
    assert environment(None) == {}


@pytest.mark.parametrize("pinned", [False, True])
def test_replicas_divide_threads_and_are_bound_only_if_told(pinned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    here = sorted(os.sched_getaffinity(0))

    @in_loop
    async def run() -> None:
        more = {"cores": [here[:1]]} if pinned else {}
        async with _serving("Threads", replicas=2, **more) as server:
            (answer,) = (await server.infer("m", _x())).outputs.values()
            count = 1 if pinned else len(here)
            assert answer[0, :2].tolist() == [1 if pinned else max(len(here) // 2, 1), count]

    run()
