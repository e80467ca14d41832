"""A Ray cluster of two nodes on this machine, for all tests: private, on loopback, and gone when they are over."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOM = {"double": 1, "words": 1}  # one replica of each of these models fits a node
_HASTE = {
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 3000,
    "health_check_failure_threshold": 4,
}


class Nodes:
    """The cluster, and what can be done to it."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster()
        self._node(_system_config=_HASTE)
        self._second = self._node()

    @property
    def address(self) -> str:
        """Of its head."""
        return str(self._cluster.address)

    def take_away(self) -> None:
        """End the second node without a word. Blocks."""
        self._cluster.remove_node(self._second, allow_graceful=False)

    def add(self) -> None:
        """Add another second node. Blocks."""
        self._second = self._node()

    def close(self) -> None:
        """End every process."""
        self._cluster.shutdown()

    def _node(self, **more: Any) -> Any:
        return self._cluster.add_node(
            num_cpus=4,
            resources=ROOM,
            node_ip_address="127.0.0.1",
            include_dashboard=False,
            object_store_memory=100 << 20,
            **more,
        )


@pytest.fixture(scope="session")
def nodes() -> Iterator[Nodes]:
    """The cluster. Ray's files, and what it would keep of its own, are in a folder that goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="jfr"))  # short, since the names of sockets are
    with pytest.MonkeyPatch.context() as patch:
        (folder / "ray").mkdir()
        patch.setenv("RAY_TMPDIR", str(folder))
        patch.setenv("HOME", str(folder))
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_memory_monitor_refresh_ms", "0")
        import ray
        from ray._private import services, utils

        # Ray takes loopback for a mistake, and would listen where others can connect
        patch.setattr(services, "get_node_ip_address", lambda address=None: "127.0.0.1")
        patch.setattr(utils, "set_sigterm_handler", lambda handler: None)  # nodes are added from other threads too
        nodes = Nodes()
        try:
            yield nodes
        finally:
            ray.shutdown()
            nodes.close()
    end = time.monotonic() + 60
    while (left := _left(str(folder))) and time.monotonic() < end:
        time.sleep(0.1)
    shutil.rmtree(folder, ignore_errors=True)  # only now, since they write their logs there as long as they run
    assert left == []


def _left(mark: str) -> list[str]:
    """Processes that were started with `mark` in their environment, and run still."""
    left = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and int(process.name) != os.getpid():
            try:
                if mark.encode() in (process / "environ").read_bytes():
                    left.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:  # it has just ended, or is another user's
                continue
    return left
