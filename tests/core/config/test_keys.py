"""Entries of keys, from files and variables, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from jackfield.config.keys import read_keys
from jackfield.config.models import KeysConfig
from jackfield.errors import ConfigError
from jackfield.keys.hashing import hashed, new_key

KEY = new_key()
GOOD = f"alice:\n  hash: {hashed(KEY)}\n"


def read(tmp_path: Path, text: str) -> str:
    file = tmp_path / "keys.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        read_keys(KeysConfig(file=file))
    return str(refused.value).replace(f"{file}:", "")


def test_no_section_no_keys() -> None:
    assert read_keys(None) is None


def test_from_a_file_and_from_the_environment(tmp_path: Path) -> None:
    text = GOOD + "  quota: {requests_per_s: 5, burst: 9}\n  models: ['a*', b]\n  rights: [admin]\n  weight: 2\n"
    (tmp_path / "keys.yaml").write_text(text)
    entries = read_keys(KeysConfig(file=tmp_path / "keys.yaml"))
    assert entries == read_keys(KeysConfig(env="KEYS"), {"KEYS": text})
    assert entries is not None
    assert entries["alice"].quota.burst == 9
    assert entries["alice"].models == ("a*", "b")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"alice: {{hash: '{KEY}'}}", "1: alice.hash: got ***, expected text that matches ^sha256:[0-9a-f]{64}$"),
        (f"alice: {KEY}", "1: alice: got ***, expected a section"),
        (f"alice: {{key: {KEY}}}", "1: alice.hash: is missing\n1: alice.key: unknown key; known: hash,"),
        (GOOD + "  modles: [a]", "3: alice.modles: unknown key; did you mean 'models'?"),
        (GOOD + "  quota: {rows_per_minut: 3}", "3: alice.quota.rows_per_minut: unknown key; did you mean"),
        (GOOD + "  quota: {burst: 3}", "3: alice.quota: expected 'requests_per_s' beside 'burst'"),
        (GOOD + "  quota: {concurrent: 0}", "3: alice.quota.concurrent: got 0, expected at least 1"),
        (GOOD + "  quota: {requests_per_s: true}", "3: alice.quota.requests_per_s: got true, expected a number"),
        (GOOD + "  tenant: 'a\\nb'", "3: alice.tenant: got"),
        (GOOD + GOOD.replace("alice", "bob"), "4: bob.hash: is that of 'alice', too"),
        (
            GOOD + f"  weight: 2\nbob: {{hash: '{hashed('x')}', tenant: alice}}",
            "4: bob: gives tenant 'alice' no weight, where 'alice' gives it weight 2",
        ),
        (GOOD + "alice: {}", "3: alice: given twice"),
        ("", " there is no key: make one with 'jackfield key new NAME'"),
        ("{}", "1: there is no key: make one with 'jackfield key new NAME'"),
        (f"- {KEY}", "server.keys.file: 1: expected sections"),
    ],
)
def test_what_is_wrong_is_told_without_what_may_be_a_key(tmp_path: Path, text: str, problem: str) -> None:
    told = read(tmp_path, text)
    assert told.startswith(problem), told
    assert KEY not in told


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"server\.keys\.file: configuration file '.*/none' does not exist"):
        read_keys(KeysConfig(file=tmp_path / "none"))
    with pytest.raises(ConfigError, match=r"server\.keys\.env: environment variable 'KEYS' is not set"):
        read_keys(KeysConfig(env="KEYS"), {})
    with pytest.raises(ConfigError, match=r"\$KEYS:2: alice.hash: got \*\*\*"):
        read_keys(KeysConfig(env="KEYS"), {"KEYS": "alice:\n  hash: 3\n"})
    with pytest.raises(ConfigError, match=r"\$KEYS: expected entries of keys by name"):
        read_keys(KeysConfig(env="KEYS"), {"KEYS": "3"})
