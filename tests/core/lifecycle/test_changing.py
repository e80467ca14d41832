"""What works may share a step can change while they wait, as far as nothing has to be proved for it."""

from __future__ import annotations

import pytest

from jackfield import Options, Server
from jackfield.errors import ConfigError
from jackfield.testing import ScriptedExecutor, Simulation, make_request, make_work
from jackfield_plugins.batching.dynamic import Dynamic, DynamicOptions
from jackfield_plugins.scheduling.fifo import Fifo
from tests.core.lifecycle.fakes import configured, in_loop, plugged

WIDTH = {"name": "width", "inputs": {"x": 1}, "outputs": {"y": 1}}


@pytest.mark.parametrize("before", [(), ("tenant",), ("priority",)])
@pytest.mark.parametrize("after", [(), ("tenant",), ("priority",)])
def test_work_that_waits_is_grouped_anew(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    simulation = Simulation(Dynamic(DynamicOptions(group_by=before)), Fifo(Options()), duration=lambda step: 1.0)
    simulation.submit(make_work())
    simulation.advance(0.5)
    works = [simulation.submit(make_work(tenant=tenant, priority=p)) for tenant in "ab" for p in (1, 2)]
    simulation.advance(0.1)
    simulation.reconfigure(Dynamic(DynamicOptions(group_by=after)), None)
    simulation.drain()
    kept = {(): [[0, 1, 2, 3]], ("tenant",): [[0, 1], [2, 3]], ("priority",): [[0, 2], [1, 3]]}
    assert [[works.index(work) for work in step.work] for step in simulation.steps[1:]] == kept[after]


@in_loop
async def test_padding_goes_on_under_other_options_and_cannot_be_changed() -> None:
    batching = {"policy": "dynamic", "pad": {"axes": [WIDTH], "budget": 0.5}}
    async with Server(configured(batching=batching), registry=plugged(ScriptedExecutor)) as server:
        with pytest.raises(ConfigError, match="`pad` of the batching policy is proved and warmed up when a model is"):
            await server.reconfigure("double", {"batching": {"pad": {"axes": [WIDTH], "budget": 0.9}}})
        await server.reconfigure("double", {"batching": {"max_batch_size": 16}})
        version = server.versions[0]
        works = [version.submit(make_request(width=width)) for width in (3, 4, 4)]
        assert [(await work.future).outputs["y"].shape for work in works] == [(1, 3), (1, 4), (1, 4)]
        assert version.statistics.elements - version.statistics.padding_elements == 11
