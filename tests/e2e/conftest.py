"""Models and servers that tests over sockets share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.company import neighbour, survived
from tests.e2e.launch import Live, launched

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "tests"
MOST_CONNECTIONS = 40
DOUBLE = {"source": f"{HERE / 'models.py'}:Double"}
FICKLE = {"source": f"{HERE / 'hostile.py'}:Fickle"}
LARGE = {"source": f"{HERE / 'hostile.py'}:Large"}


@pytest.fixture(scope="session")
def minilm_onnx() -> Path:
    """all-MiniLM-L6-v2 as ONNX, converted once per checkout."""
    from jackfield_plugins.demo import minilm

    path = CACHE / "minilm.onnx"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        minilm.export(path)
    return path


@pytest.fixture(scope="session")
def minilm_server(minilm_onnx: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """`jackfield serve` on MiniLM."""
    config = {
        "models": {"minilm": {"source": str(minilm_onnx), "backend": {"name": "onnxruntime", "threads": 2}}},
        "observers": {"prometheus": {}, "access-log": {"requests": "all"}},
    }
    with launched(config, tmp_path_factory.mktemp("minilm")) as live:
        yield live


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """`double`, `text`, `fickle` and `large`, for attacks that a server of any configuration must survive."""
    models = {"double": DOUBLE, "text": {"source": f"{HERE / 'models.py'}:Text"}, "fickle": FICKLE, "large": LARGE}
    with launched({"models": models}, tmp_path_factory.mktemp("live")) as server:
        yield server


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """`double` and `fickle` on a server that takes bodies of a megabyte and few connections."""
    limits = {"max_body_bytes": 1 << 20, "max_connections": MOST_CONNECTIONS}
    config = {"server": {"limits": limits}, "models": {"double": DOUBLE, "fickle": FICKLE}}
    with launched(config, tmp_path_factory.mktemp("small")) as server:
        yield server


@pytest.fixture(scope="session")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """`double` and `fickle` on a server that waits for nobody."""
    limits = {"header_timeout_s": 0.3, "body_timeout_s": 0.3}
    config = {"server": {"limits": limits}, "models": {"double": DOUBLE, "fickle": FICKLE}}
    with launched(config, tmp_path_factory.mktemp("hasty")) as server:
        yield server


@pytest.fixture(scope="module")
def company(live: Live) -> Iterator[None]:
    """Somebody else is served by that server all the time, and after the module's tests it is as good as before."""
    with neighbour(live):
        yield
    survived(live, "double", "text", "fickle", "large")
