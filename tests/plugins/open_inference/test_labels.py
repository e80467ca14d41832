from __future__ import annotations

from pathlib import Path

import structlog

from tests.plugins.open_inference.calling import Answer, run, served, tensor


def classified(labels: object) -> list[Answer]:
    content = {
        "inputs": [tensor("x", "FP32", [1, 16], list(range(16)))],
        "outputs": [{"name": "y", "parameters": {"classification": 1}}],
    }

    async def asked() -> list[Answer]:
        async with served("mlp", mlp__settings={"labels": {"y": labels}}) as caller:
            return [await caller.infer("mlp", content), await caller.infer("mlp", content)]

    return run(asked())


def test_labels_stand_in_the_configuration() -> None:
    for answer in classified(["a", "b", "c", "d"]):
        assert answer.json["outputs"][0]["data"] == ["6.000000:3:d"]


def test_labels_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("a\nb\nc\ngrand piano\n")
    for answer in classified(str(path)):
        assert answer.json["outputs"][0]["data"] == ["6.000000:3:grand piano"]


def test_a_file_that_cannot_be_read_is_our_fault(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        for answer in classified(str(tmp_path / "none.txt")):
            assert (answer.status, answer.error) == (500, "the labels of output 'y' cannot be read")
    assert "labels cannot be read" in [entry["event"] for entry in logs]
