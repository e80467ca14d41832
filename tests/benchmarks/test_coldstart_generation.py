from __future__ import annotations

from benchmarks.coldstart_generation import PHASES

from tests.benchmarks.running import printed


def test_phases_come_from_the_servers_log() -> None:
    lines = printed("coldstart_generation", "--starts", "1").splitlines()
    seconds = {name: float(line.split()[-1]) for name, _ in PHASES for line in lines if line.startswith(name)}
    assert seconds.keys() == {name for name, _ in PHASES}
    assert all(0 <= value < 60 for value in seconds.values()), seconds
    assert 0 < seconds["tokenizer made"] < seconds["in all"]
