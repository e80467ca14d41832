from __future__ import annotations

from benchmarks.restart.__main__ import OF_MODEL, PHASES

from tests.benchmarks.running import printed


def test_nothing_is_left_behind_and_phases_come_from_the_servers_log() -> None:
    lines = printed("restart", "--models", "mlp", "--rounds", "2").splitlines()
    names = [name for name, _ in PHASES] + [f"mlp: {name}" for name, _ in OF_MODEL] + ["command to ready"]
    seconds = {name: [float(line.split()[-1]) for line in lines if line.startswith(name)] for name in names}
    assert all(len(values) == 2 and 0 <= min(values) <= max(values) < 60 for values in seconds.values()), seconds
    assert sum("left behind: nothing" in line for line in lines) == 2
