from __future__ import annotations

import re

import pytest
import yaml

from jackfield.keys.entries import KeyConfig
from jackfield.keys.hashing import hashed
from tests.core.cli.conftest import Run


def test_a_key_once_and_its_entry(jackfield: Run) -> None:
    result = jackfield(
        "key", "new", "alice", "--tenant", "sales", "--model", "a*", "--model", "b", "--right", "metrics"
    )
    assert result.exit_code == 0
    (secret,) = re.findall(r"jf-\S+", result.stderr)
    assert secret not in result.stdout
    entry = yaml.safe_load(result.stdout)["alice"]
    assert entry == {"hash": hashed(secret), "tenant": "sales", "models": ["a*", "b"], "rights": ["metrics"]}
    KeyConfig.model_validate(entry)


@pytest.mark.parametrize("args", [("a/b",), ("..",), ("a", "--tenant", "b c"), ("a", "--right", ""), ("x" * 200,)])
def test_what_no_entry_may_have(jackfield: Run, args: tuple[str, ...]) -> None:
    result = jackfield("key", "new", *args)
    assert result.exit_code == 2
    assert "jf-" not in result.output
