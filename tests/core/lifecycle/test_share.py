"""The machine is divided among replicas: devices in turn, threads evenly, processors only if they are to be."""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np
import pytest

from jackfield.config import load
from jackfield.config.models import ModelConfig
from jackfield.errors import ConfigError, LoadError
from jackfield.interfaces import Executor, Share
from jackfield.lifecycle.share import pin, share_of
from jackfield.server import Server
from jackfield.testing import ScriptedExecutor
from jackfield.types import Device
from jackfield.work import Outcome, Step
from tests.core.lifecycle.fakes import configured, in_loop, plugged


def _model(**model: Any) -> ModelConfig:
    return load(configured(**model), plugged()).models["double"]


def _shares(here: tuple[int, ...], **model: Any) -> list[Share]:
    config = _model(**model)
    return [share_of("double", config, number, here) for number in range(config.replicas)]


def test_devices_are_taken_in_turn() -> None:
    shares = _shares((0, 1), replicas=5, devices=["cuda:0", "cuda:1"])
    assert [share.device for share in shares] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1", "cuda:0"]
    assert [share.device for share in _shares((0,), replicas=2, device="cpu")] == ["cpu", "cpu"]


@pytest.mark.parametrize("replicas", range(2, 8))
def test_threads_are_divided_evenly_and_nothing_is_pinned(replicas: int) -> None:
    shares = _shares((0, 2, 3, 5, 6, 7, 9), replicas=replicas)
    threads = [share.threads or 0 for share in shares]
    assert sum(threads) == 7
    assert max(threads) - min(threads) <= 1
    assert {share.cores for share in shares} == {None}


def test_who_is_alone_is_told_nothing_and_each_has_one_at_least() -> None:
    assert _shares((0, 1)) == [Share("auto", None, None)]
    assert [share.threads for share in _shares((0, 1), replicas=3)] == [1, 1, 1]


@pytest.mark.parametrize("replicas", range(1, 8))
def test_processors_are_divided_without_one_being_in_two_hands(replicas: int) -> None:
    here = (0, 2, 3, 5, 6, 7, 9)
    shares = _shares(here, replicas=replicas, cores="divide")
    assert sorted(core for share in shares for core in share.cores or ()) == list(here)
    assert all(share.threads == len(share.cores or ()) for share in shares)


def test_processors_by_hand() -> None:
    shares = _shares((0, 1, 2, 3), replicas=3, cores=[[0, 1], [3]])
    assert shares == [Share("auto", 1, (0, 1)), Share("auto", 1, (3,)), Share("auto", 1, (0, 1))]
    assert _shares((0, 1, 2, 3), cores=[[1, 2]]) == [Share("auto", 2, (1, 2))]


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ({"replicas": 3, "cores": "divide"}, "models.double.cores: 2 processors cannot be divided among 3 replicas"),
        ({"cores": [[0, 7]]}, r"models.double.cores.0: there is no processor 7 for this process, which may use 0, 1"),
    ],
)
def test_what_is_not_there_is_said(model: dict[str, Any], says: str) -> None:
    with pytest.raises(LoadError, match=says):
        _shares((0, 1), **model)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ({"devices": []}, "models.double.devices: got 0 entries, expected at least 1"),
        ({"devices": ["cpu"], "device": "cpu"}, "models.double.devices: .*together with 'device'"),
        ({"devices": ["cpu", "cpu"]}, "models.double.devices: got 2 devices for 1 replica"),
        ({"cores": [[0], [1]]}, "models.double.cores: got 2 lists for 1 replica"),
        ({"cores": [[]]}, r"models.double.cores.0|models.double.cores\[0\]"),
        ({"cores": [[-1]]}, "models.double.cores"),
        ({"cores": [[1, 1]]}, "models.double.cores: .*more than once"),
        ({"cores": "all"}, "models.double.cores: got 'all'"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_path(model: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        _model(**model)


def test_what_is_pinned_passes_on_to_threads() -> None:
    before, seen = os.sched_getaffinity(0), list[set[int]]()
    one = min(before)

    def load_one() -> None:
        pin(Share("cpu", 1, (one,)))
        thread = threading.Thread(target=lambda: seen.append(os.sched_getaffinity(0)))
        thread.start()
        thread.join()

    loading = threading.Thread(target=load_one)
    loading.start()
    loading.join()
    assert seen == [{one}]
    assert os.sched_getaffinity(0) == before


class _Looking(ScriptedExecutor):
    """Answers on which processors its steps run."""

    seen: set[frozenset[int]]

    def execute(self, step: Step) -> Outcome:
        self.seen.add(frozenset(os.sched_getaffinity(0)))
        return super().execute(step)


@in_loop
async def test_replicas_are_opened_on_their_devices_and_run_on_their_processors() -> None:
    opened: list[Device] = []
    one = min(os.sched_getaffinity(0))
    seen = set[frozenset[int]]()

    def make() -> Executor:
        executor = _Looking()
        executor.seen = seen
        return executor

    registry = plugged(make, opened=opened)
    config = configured(replicas=2, devices=["cpu:1", "cpu"], cores=[[one]], router="round-robin")
    async with Server(config, registry=registry) as server:
        for _ in range(2):
            await server.infer("double", {"x": np.zeros((1, 2), np.float32)})
        assert [(device.name, device.threads) for device in opened] == [("cpu:1", 1), ("cpu", 1)]
        assert seen == {frozenset({one})}
