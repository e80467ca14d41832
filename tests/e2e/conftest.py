"""One server for all tests that neither change its configuration nor bring a model of it down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.company import survived
from tests.e2e.launch import Live, launched

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Serves `double`, `text`, `fickle` and `large`."""
    models = {
        "double": {"source": f"{HERE / 'models.py'}:Double"},
        "text": {"source": f"{HERE / 'models.py'}:Text"},
        "fickle": {"source": f"{HERE / 'hostile.py'}:Fickle"},
        "large": {"source": f"{HERE / 'hostile.py'}:Large"},
    }
    with launched({"models": models}, tmp_path_factory.mktemp("live")) as server:
        yield server


@pytest.fixture
def unharmed(live: Live) -> Iterator[None]:
    """After the test the server must be as good as before."""
    yield
    survived(live, "double", "text", "fickle", "large")
