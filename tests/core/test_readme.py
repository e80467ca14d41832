"""The plugin that the README shows is one, and does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

from jackfield import Options, State
from jackfield.testing import Simulation, make_work, registry_of
from jackfield_plugins.scheduling.fifo import Fifo

README = Path(__file__).parents[2] / "README.md"


def test_the_policy_of_the_readme() -> None:
    source = next(
        block for block in re.findall(r"```python\n(.*?)```", README.read_text(), re.S) if "hookimpl" in block
    )
    module = ModuleType("pairs")
    exec(compile(source, "README.md", "exec"), module.__dict__)
    policy = registry_of(module).get("batching", "pairs")(Options())
    simulation = Simulation(policy, Fifo(Options()))
    works = [simulation.submit(make_work(width=width)) for width in (2, 3, 2, 2)]
    simulation.advance(0.04)
    assert [work.final for work in works] == [State.COMPLETED, None, State.COMPLETED, None]
    simulation.drain()
    assert {work.final for work in works} == {State.COMPLETED}
    assert simulation.clock.now() < 0.06
