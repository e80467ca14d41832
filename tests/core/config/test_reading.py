from __future__ import annotations

import pytest

from jackfield.errors import ConfigError
from tests.core.config.conftest import Loader, Refusal


def test_a_key_given_twice(refused: Refusal) -> None:
    assert refused("""\
        models:
          m:
            source: a
            replicas: 1
            source: b
    """) == ["c.yaml:5: models.m.source: given twice, first on line 3"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1", "c.yaml:1: this is not YAML: expected ',' or ']', but got '<stream end>'"),
        ("server: {port: ${PORT}}", "c.yaml:1: this is not YAML: "),
        ("- a\n", "c.yaml:1: expected sections such as 'models:' and 'server:'"),
        ("just text", "c.yaml:1: expected sections such as 'models:' and 'server:'"),
        ("a: 1\n---\nb: 1\n", "c.yaml:2: this is not YAML: but found another document"),
        ("a: \x00", "c.yaml: this is not YAML: unacceptable character"),
        ("a: *b", "c.yaml:1: this is not YAML: found undefined alias 'b'"),
        (
            "server: !!python/name:os.system x",
            "c.yaml:1: server: the tag 'tag:yaml.org,2002:python/name:os.system' is not allowed here",
        ),
        ("server: !!set {a, b}", "c.yaml:1: server: the tag 'tag:yaml.org,2002:set' is not allowed here"),
        ("server: {port: !!int abc}", "c.yaml:1: server.port: 'abc' is not of the kind that its tag says"),
        ("? [a]\n: 1", "c.yaml:1: expected simple text as a key"),
        ("server: &s {limits: *s}", "c.yaml:1: too deep or too much to be a configuration"),
    ],
)
def test_what_is_refused(refused: Refusal, text: str, expected: str) -> None:
    lines = refused(text)
    assert lines[0].startswith(expected)
    assert len(lines) == 1


def test_a_reference_within_braces_gets_a_hint(refused: Refusal) -> None:
    assert refused("server: {port: ${PORT}}")[0].endswith("; within braces, '${NAME}' needs quotes")


def test_aliases_that_would_make_very_much_of_little(from_yaml: Loader) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ConfigError, match="too deep or too much"):
        from_yaml("\n".join(lines))


def test_anchors_and_merges(from_yaml: Loader) -> None:
    models = from_yaml("""\
        models:
          a: &a {source: x, replicas: 2, device: cpu}
          b: {<<: *a, source: y}
          c: {<<: [{replicas: 3}, *a]}
    """).models
    assert (models["b"].source[-1], models["b"].replicas, models["b"].device) == ("y", 2, "cpu")
    assert (models["c"].source[-1], models["c"].replicas) == ("x", 3)


def test_a_merge_of_something_else(refused: Refusal) -> None:
    assert refused("server: {<<: 3}") == ["c.yaml:1: server.<<: expected an alias of a section"]


@pytest.mark.parametrize("word", ["off", "on", "yes", "no", "12:30", "0777", "2024-01-01"])
def test_what_is_text(from_yaml: Loader, word: str) -> None:
    assert from_yaml(f"server: {{name: {word}}}").server.name == word


@pytest.mark.parametrize(("text", "value"), [("1e3", 1000), ("0x10", 16), ("0o17", 15), ("1_000", 1000), ("+5", 5)])
def test_what_is_a_number(from_yaml: Loader, text: str, value: int) -> None:
    assert from_yaml(f"server: {{drain_timeout_s: {text}}}").server.drain_timeout_s == value


def test_keys_are_text(from_yaml: Loader) -> None:
    assert list(from_yaml("models: {7: {source: a}}").models) == ["7"]
