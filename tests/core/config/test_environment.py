from __future__ import annotations

import pytest

from jackfield.config.environment import BadReference, substitute
from tests.core.config.conftest import Loader, Refusal

SECRET = "hunter2-in-the-open"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${A}", "1"),
        ("x${A}y${B}", "x1y2"),
        ("${NONE:-3}", "3"),
        ("${NONE:-}", ""),
        ("${EMPTY:-4}", "4"),
        ("${EMPTY}", ""),
        ("${A:-5}", "1"),
        ("$$", "$"),
        ("$${A}", "${A}"),
        ("$A and $", "$A and $"),
    ],
)
def test_substitution(text: str, expected: str) -> None:
    assert substitute(text, {"A": "1", "B": "2", "EMPTY": ""})[0] == expected


@pytest.mark.parametrize("text", ["${", "${1}", "${A", "${A-b}", "${}"])
def test_a_broken_reference_is_an_error(text: str) -> None:
    with pytest.raises(BadReference, match=r"begins no environment variable"):
        substitute(text, {"A": "1"})


def test_what_comes_from_a_variable_is_not_substituted_again() -> None:
    assert substitute("${A}", {"A": "${B}", "B": "2"})[0] == "${B}"


def test_numbers_and_switches_are_read_from_text(from_yaml: Loader) -> None:
    config = from_yaml(
        "server: {port: '${PORT}'}\nmodels: {m: {source: '${DIR}/a', timeout_s: '${T:-2.5}', overlap: '${O}'}}",
        env={"PORT": "81", "DIR": "/models", "O": "false"},
    )
    assert config.server.port == 81
    assert config.models["m"].source == "/models/a"
    assert config.models["m"].timeout_s == 2.5
    assert config.models["m"].overlap is False


def test_a_missing_variable_names_itself_and_its_place_only(refused: Refusal) -> None:
    assert refused("server:\n  port: ${PORT}\n  name: 3\n") == [
        "c.yaml:2: server.port: environment variable 'PORT' is not set; set it, or write ${PORT:-default}",
        "c.yaml:3: server.name: got 3, expected text",
    ]


def test_keys_are_not_substituted(refused: Refusal) -> None:
    assert refused("'${X}': 1", env={"X": "models"}) == [
        "c.yaml:1: ${X}: unknown key; known: server, models, endpoints, observers, log"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "server: {port: '${S}'}",
        "server: {port: 'a${S}'}",
        "server: {not_ready_status: '${S}'}",
        "models: '${S}'",
        "endpoints: {metrics: '${S}'}",
        "models: {m: {source: a, batching: '${S}'}}",
        "models: {m: {source: a, batching: {policy: '${S}'}}}",
        "models: {m: {source: a, batching: {max_batch_size: '${S}'}}}",
        "models: {m: {source: a, batch_axis: '${S}'}}",
        "models: {m: {source: a, version: ' ${S}'}}",
        "models: {m: {source: a, warm_up: {inputs: {x: {file: '${S}'}}}}}",
        "models: {m: {source: a, warm_up: {rows: ['${S}']}}}",
        "models: {m: {source: a, backend: {name: fake, token: 'a ${S}'}}}",
        "models: {m: {source: a, backend: {name: fake, token: '${S}', threads: 13, precision: fp16}}}",
    ],
)
def test_a_value_from_a_variable_is_never_shown(refused: Refusal, text: str) -> None:
    told = "\n".join(refused(text, env={"S": SECRET}))
    assert SECRET not in told
    assert "${S}" in told


def test_not_in_the_traceback_either(from_yaml: Loader) -> None:
    with pytest.raises(Exception, match=r"server\.port") as caught:
        from_yaml("server: {port: '${S}'}", env={"S": SECRET})
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_in_overrides_too(from_yaml: Loader, refused: Refusal) -> None:
    assert from_yaml("", "server.name=${N}-$$", env={"N": "x"}).server.name == "x-$"
    assert refused("", "server.port=${S}", env={"S": SECRET}) == ["--set: server.port: got ${S}, expected an integer"]
