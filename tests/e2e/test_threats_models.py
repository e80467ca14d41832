"""Models that fail, each in its own way: it costs the request that is at fault, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.company import counted, held, neighbour, quiet, refusal, survived, until
from tests.e2e.hostile import EXITS, GATED, INTERRUPTS, MEMORY, MISSHAPEN, NAN, NONE, RAISES, TEXT, TOO_FEW, WAITS
from tests.e2e.launch import Answer, Live, launched
from tests.e2e.sockets import content, doubled

HOSTILE = Path(__file__).parent / "hostile.py"


def together(live: Live, contents: Sequence[dict[str, object]]) -> list[Answer]:
    """The answers to requests that share a step: they all wait while the model is busy with another."""
    quiet(live, "fickle")
    with ThreadPoolExecutor(len(contents)) as pool:
        with held(live, "fickle", GATED):
            others = [pool.submit(live.infer, "fickle", one) for one in contents]
            until(
                lambda: live.statistics("fickle")["jackfield_outstanding_requests"] > len(contents),
                "the others to wait",
            )
        return [one.result() for one in others]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (RAISES, "the model raised ValueError"),
        (MEMORY, "the model raised MemoryError"),
        (EXITS, "the model raised SystemExit: bye"),
        (INTERRUPTS, "the model raised KeyboardInterrupt"),
        (TOO_FEW, "output 'output' has 0 rows for a batch of 1"),
        (MISSHAPEN, "output 'output' has shape [1, 3], its signature says [-1, 4]"),
        (NONE, "the model returned None for output 'output'"),
        (TEXT, "output 'output'"),
    ],
)
@pytest.mark.usefixtures("company")
def test_a_poisonous_member_of_a_batch(live: Live, fault: int, said: str) -> None:
    failed = counted(live, "fickle", "failed")
    firsts = [*range(11), fault, *range(11, 16)]
    answers = together(live, [dict(content(first)) for first in firsts])
    for first, answer in zip(firsts, answers, strict=True):
        if first == fault:
            assert refusal(answer, 500).startswith(said), answer.json
        else:
            assert (answer.status, answer.json["outputs"][0]["data"]) == (200, doubled(first))
    assert max(int(answer.headers["server-timing"].split('"')[1]) for answer in answers if answer.status == 200) > 1
    assert quiet(live, "fickle")["jackfield_requests_total:failed"] == failed + 1
    survived(live, "fickle")


@pytest.mark.usefixtures("company")
def test_nan_is_an_error_in_json_for_that_request_alone_and_a_number_in_binary(live: Live) -> None:
    binary = {**content(NAN), "parameters": {"binary_data_output": True}}
    nan, right, raw = together(live, [dict(content(NAN)), dict(content(3)), binary])
    assert "NaN" in refusal(nan, 400)
    assert right.json["outputs"][0]["data"] == doubled(3)
    assert raw.status == 200
    assert np.isnan(np.frombuffer(raw.body[int(raw.headers["inference-header-content-length"]) :], "<f4")).all()
    survived(live, "fickle")


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[Live]:
    """A server whose `fickle` may take a second for a step."""
    models = {
        "double": {"source": f"{HOSTILE.parent / 'models.py'}:Double"},
        "fickle": {"source": f"{HOSTILE}:Fickle", "step_timeout_s": 1},
    }
    with launched({"models": models}, tmp_path) as server:
        yield server


def test_a_model_that_hangs_is_given_up_and_the_others_go_on(hanging: Live) -> None:
    with neighbour(hanging), ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(hanging.infer, "fickle", content(first)) for first in (WAITS + 60, *range(7))]
        answers = [one.result() for one in asked]
        assert any(answer.status == 503 for answer in answers)
        for answer in answers:  # those that ran before it hung are right
            if answer.status != 200:
                assert "a step has been running for more than 1 s" in refusal(answer, 503)
        assert hanging.ask("GET", "/v2/health/live").status == 200
        assert hanging.ask("GET", "/v2/health/ready").status == 503
        assert hanging.ask("GET", "/v2/models/double/ready").status == 200
        ready = hanging.ask("GET", "/v2/models/fickle/ready")
        assert (ready.status, ready.json["ready"]) == (503, False)
        refusal(hanging.infer("fickle", content(1)), 503)
        counts = quiet(hanging, "fickle")
    assert counts["jackfield_requests_accepted_total"] == 8
    assert counts["jackfield_requests_total:failed"] + counts["jackfield_requests_total:completed"] == 8
    assert counts["jackfield_requests_total:failed"] >= 1
    assert counts["jackfield_model_state:failed"] == 1
