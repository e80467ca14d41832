from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield_plugins.open_inference.paths import Paths, Route, Target


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v2", Target(Route.SERVER)),
        ("/v2/health/live", Target(Route.LIVE)),
        ("/v2/health/ready", Target(Route.READY)),
        ("/v2/models/stats", Target(Route.ALL_STATS)),
        ("/v2/repository/index", Target(Route.INDEX)),
        ("/v2/repository/models/m/load", Target(Route.LOAD, "m")),
        ("/v2/repository/models/m/unload", Target(Route.UNLOAD, "m")),
        ("/v2/models/m", Target(Route.MODEL, "m")),
        ("/v2/models/m/versions/3", Target(Route.MODEL, "m", "3")),
        ("/v2/models/m/ready", Target(Route.MODEL_READY, "m")),
        ("/v2/models/m/versions/3/ready", Target(Route.MODEL_READY, "m", "3")),
        ("/v2/models/m/config", Target(Route.CONFIG, "m")),
        ("/v2/models/m/versions/3/stats", Target(Route.STATS, "m", "3")),
        ("/v2/models/m/infer", Target(Route.INFER, "m")),
        ("/v2/models/m/versions/3/infer", Target(Route.INFER, "m", "3")),
        ("/v2/models/m/generate", Target(Route.GENERATE, "m")),
        ("/v2/models/m/versions/3/generate_stream", Target(Route.GENERATE_STREAM, "m", "3")),
        ("/v2/models/../infer", Target(Route.INFER, "..")),  # a name like others, which no model has
    ],
)
def test_routes(path: str, target: Target) -> None:
    paths = Paths()
    assert paths.find(path) == target
    assert paths.find(path) == target


@pytest.mark.parametrize(
    "path",
    [
        "/v2/",
        "/v2/models",
        "/v2/models/",
        "/v2/models//infer",
        "/v2/models/m/",
        "/v2/models/m/infer/",
        "/v2//models/m/infer",
        "/v2/models/m/versions",
        "/v2/models/m/versions//infer",
        "/v2/models/m/versions/3/4/infer",
        "/v2/models/m/other",
        "/v2/health",
        "/v1/models/m/infer",
        "/v2/models/" + "m" * 1024,
        "",
        "/",
    ],
)
def test_other_paths_are_none(path: str) -> None:
    assert Paths().find(path) is None


def test_what_is_kept_is_bounded() -> None:
    paths = Paths()
    for number in range(5000):
        assert paths.find(f"/v2/models/m{number}/infer") == Target(Route.INFER, f"m{number}")
    assert len(paths._known) <= 1024
    assert paths.find("/v2") == Target(Route.SERVER)


@given(st.lists(st.sampled_from(["v2", "models", "versions", "m", "", "infer", "stats"]), max_size=9).map("/".join))
def test_whatever_comes_has_a_target_with_a_model_or_none(path: str) -> None:
    target = Paths().find("/" + path)
    assert target is None or target.model or target.route in (Route.SERVER, Route.ALL_STATS)
