"""What a policy has learned stands in the metrics, and a tenant's header reaches the scheduler."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.testclient import TestClient

from jackfield import Request, Work, create_app
from jackfield.work import Sink

MODELS = Path(__file__).parents[2] / "e2e" / "models.py"
ONE = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}


def test_adaptive_shows_how_long_its_steps_take() -> None:
    model = {"source": f"{MODELS}:Double", "batching": {"policy": "adaptive"}}
    with TestClient(create_app({"models": {"double": model}})) as client:
        for _ in range(3):
            assert client.post("/v2/models/double/infer", json=ONE).status_code == 200
        text = client.get("/metrics").text
    found = re.search(r'jackfield_policy_state\{.*name="step_seconds_1".*\} (\S+)', text)
    assert found is not None
    assert 0 < float(found[1]) < 1


def test_the_tenant_is_taken_from_the_header_that_is_configured() -> None:
    config = {
        "models": {"double": {"source": f"{MODELS}:Double", "scheduler": "fair"}},
        "endpoints": {"open-inference": {"tenant_header": "X-Tenant"}},
    }
    app = create_app(config)
    seen: list[str] = []
    with TestClient(app) as client:
        version = app.server.model("double").version()
        submit = version.submit

        def noting(request: Request, told: Sink | None = None) -> Work:
            seen.append(request.tenant)
            return submit(request, told)

        version.submit = noting  # type: ignore[method-assign]
        for headers in ({"x-tenant": "gold"}, {}, {"X-TENANT": "b" * 500}):
            assert client.post("/v2/models/double/infer", json=ONE, headers=headers).status_code == 200
    assert seen == ["gold", "", "b" * 128]
