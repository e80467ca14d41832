"""The distribution that adds a backend, as one would get it: through pip and its entry point."""

from __future__ import annotations

import pytest

from tests.contrib.distribution import installed, own_tests_pass
from tests.core.plugins.distributions import Site
from tests.core.source import ROOT

pytest.importorskip("openvino")

DISTRIBUTION = ROOT / "contrib" / "jackfield-openvino"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A folder that it is installed in, by pip, from its source tree."""
    return installed(DISTRIBUTION, tmp_path_factory.mktemp("site"))


def test_it_is_found_through_its_entry_point(site: Site) -> None:
    found = site.found({})
    assert ["openvino", "jackfield-openvino", "1.0", "1.0"] in found["plugins"]
    assert ["backend", "openvino", "openvino", None] in found["entries"]


def test_its_devices_are_listed(site: Site) -> None:
    done = site.run("-m", "jackfield", "devices")
    assert done.returncode == 0, done.stderr
    assert any(line.split()[:2] == ["openvino", "cpu"] for line in done.stdout.splitlines()), done.stdout


def test_its_own_tests_pass(site: Site) -> None:
    own_tests_pass(site, DISTRIBUTION)
