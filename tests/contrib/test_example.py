"""The example of a third party's distribution, as one would get it: through pip and its entry point."""

from __future__ import annotations

import json

import pytest

from tests.contrib.distribution import installed, own_tests_pass
from tests.core.plugins.distributions import Site
from tests.core.source import ROOT

EXAMPLE = ROOT / "contrib" / "jackfield-example"
CONFIG = ROOT / "examples" / "third-party-policy.yaml"
ASK = """
import asyncio, sys
from jackfield import Request, Server

async def main():
    async with Server(sys.argv[1]) as server:
        rows = [[[float(n), 0, 0, 1]] for n in range(4)]
        answers = await asyncio.gather(*(server.infer("scale", {"x": row}) for row in rows))
        print([answer.outputs["scaled"][0].tolist() for answer in answers])
        print(server.models["scale"].version("").statistics.steps)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A folder that the example is installed in, by pip, from its source tree."""
    return installed(EXAMPLE, tmp_path_factory.mktemp("site"))


def test_it_is_found_through_its_entry_point(site: Site) -> None:
    found = site.found({})
    assert ["example", "jackfield-example", "1.0", "1.0"] in found["plugins"]
    assert ["batching", "quorum", "example", None] in found["entries"]


def test_the_configuration_of_the_example_is_right(site: Site) -> None:
    done = site.run("-m", "jackfield", "check", str(CONFIG))
    assert done.returncode == 0, done.stderr
    assert "quorum" in done.stdout


def test_without_it_the_configuration_says_what_is_missing(site: Site) -> None:
    done = site.run("-m", "jackfield", "check", str(CONFIG), environ={"JACKFIELD_DISABLE_PLUGINS": "example"})
    assert done.returncode == 2
    assert "'quorum' is not a batching policy" in done.stderr


def test_a_model_is_served_with_it(site: Site) -> None:
    done = site.run("-c", ASK, str(CONFIG))
    assert done.returncode == 0, done.stderr
    answers, steps = done.stdout.splitlines()[-2:]
    assert json.loads(answers) == [[2.0 * n, 0, 0, 2.0] for n in range(4)]
    assert int(steps) < 4


def test_its_own_tests_pass(site: Site) -> None:
    own_tests_pass(site, EXAMPLE)


def test_its_policy_is_about_thirty_lines() -> None:
    source = (EXAMPLE / "jackfield_example" / "__init__.py").read_text()
    body = source.split("class Quorum(", 1)[1].split("@hookimpl", 1)[0]
    assert len([line for line in body.splitlines() if line.strip()]) <= 30
