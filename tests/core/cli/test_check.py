from __future__ import annotations

from pathlib import Path

from tests.core.cli.conftest import Run


def test_what_would_run(jackfield: Run, tmp_path: Path) -> None:
    Path("c.yaml").write_text(
        "models:\n  minilm: {source: m.onnx, backend: fake, replicas: 3}\n"
        f"  long: {{source: {'x' * 200}:Y, batching: none}}\n"
    )
    result = jackfield("check", "c.yaml", "--set", "models.minilm.batching.policy=none", "--set", "server.port=9")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split()[:4] == ["model", "version", "source", "loader"]
    assert lines[1].split() == [
        "minilm", "1", f"{tmp_path}/m.onnx", "onnx", "fake", "auto", "3", "none", "fifo", "least-loaded", "thread",
    ]  # fmt: skip
    assert "x" * 200 + ":Y  auto" in lines[2]
    assert "endpoints: metrics, open-inference" in lines
    assert "observers: access-log" in lines
    assert "address:   127.0.0.1:9" in lines


def test_what_is_wrong(jackfield: Run) -> None:
    Path("c.yaml").write_text("models:\n  m: {source: a, replicas: 0}\nserver: {prot: 1}\n")
    result = jackfield("check", "c.yaml")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "jackfield: c.yaml:2: models.m.replicas: got 0, expected at least 1",
        "c.yaml:3: server.prot: unknown key; did you mean 'port'?",
    ]


def test_a_file_that_is_not_there(jackfield: Run) -> None:
    result = jackfield("check", "none.yaml")
    assert (result.exit_code, result.stderr) == (2, "jackfield: configuration file 'none.yaml' does not exist\n")
