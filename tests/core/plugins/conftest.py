"""Wheels are built once a session; each test installs those that it needs in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.core.plugins.catalogue import EVERYTHING
from tests.core.plugins.distributions import Site, build


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel of each distribution of the catalogue."""
    sources = tmp_path_factory.mktemp("sources")
    return build([one.write(sources) for one in EVERYTHING], tmp_path_factory.mktemp("wheels"))


@pytest.fixture
def installed(wheels: dict[str, Path], tmp_path: Path) -> Callable[..., Site]:
    """Install distributions by name and return where they are."""

    def install(*names: str) -> Site:
        site = Site(tmp_path)
        for name in names:
            site.install(wheels[name])
        return site

    return install
