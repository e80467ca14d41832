"""Who may load models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jackfield.errors import ConfigError
from jackfield_plugins.open_inference.endpoint import OpenInferenceOptions
from jackfield_plugins.open_inference.repository_key import NoRepositoryKey, repository_key

SECRET = "correct horse battery"


def test_it_comes_from_a_variable_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text(f"{SECRET}\n")
    monkeypatch.setenv("REPOSITORY_KEY", SECRET)
    for key in (repository_key("REPOSITORY_KEY", None), repository_key(None, tmp_path / "key")):
        key.check({b"authorization": b"bearer " + SECRET.encode()})
        key.check({b"x-repository-key": SECRET.encode(), b"authorization": b"Bearer another"})
        for headers in ({}, {b"authorization": SECRET.encode()}, {b"authorization": b"Bearer " + SECRET[1:].encode()}):
            with pytest.raises(NoRepositoryKey):
                key.check(headers)


def test_one_that_is_no_key_stops_the_start_and_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for bad in ("", "short", "sixteen letters \u00e9 and more", "with a\nline break in it"):
        monkeypatch.setenv("REPOSITORY_KEY", bad)
        with pytest.raises(ConfigError, match="'REPOSITORY_KEY' must hold a key of 16 or more") as caught:
            repository_key("REPOSITORY_KEY", None)
        assert not bad or bad not in str(caught.value)
    monkeypatch.delenv("REPOSITORY_KEY")
    with pytest.raises(ConfigError, match="must hold a key"):
        repository_key("REPOSITORY_KEY", None)
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        repository_key(None, tmp_path / "nothing")


@pytest.mark.parametrize(
    "options",
    [
        {"repository_control": True},
        {"repository_key_env": "A"},
        {"repository_control": True, "repository_key_env": "A", "repository_key_file": "b"},
    ],
)
def test_control_and_a_key_go_together(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="key"):
        OpenInferenceOptions(**options)
