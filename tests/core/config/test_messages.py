"""What an operator reads: where, what was given, and what would be right."""

from __future__ import annotations

import pytest

from jackfield.config import load
from jackfield.errors import ConfigError
from jackfield.plugins.registry import Registry
from tests.core.config import plugs
from tests.core.config.conftest import Refusal

MODEL = "models: {m: {source: a, %s}}"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("batching: {max_batch_sise: 3}", "m.batching.max_batch_sise: unknown key; did you mean 'max_batch_size'?"),
        ("batching: {policy: none, x: 3}", "m.batching.x: unknown key; known: policy"),
        ("batching: {max_batch_size: abc}", "m.batching.max_batch_size: got 'abc', expected an integer"),
        ("batching: {max_batch_size: 0}", "m.batching.max_batch_size: got 0, expected at least 1"),
        ("batching: {max_batch_size: 1.5}", "m.batching.max_batch_size: got 1.5, expected an integer"),
        ("batching: {max_delay_ms: -1}", "m.batching.max_delay_ms: got -1, expected at least 0"),
        (
            "scheduler: {policy: prioritty}",
            "m.scheduler.policy: 'prioritty' is not a scheduler; did you mean 'priority'? (known: fifo, priority)",
        ),
        ("scheduler: lifo", "m.scheduler: 'lifo' is not a scheduler; did you mean 'fifo'? (known: fifo, priority)"),
        ("router: xyz", "m.router: 'xyz' is not a router; known: least-loaded"),
        ("scheduler: {max_queue: 0}", "m.scheduler.max_queue: got 0, expected at least 1"),
        (
            "scheduler: {levels: 3}",
            "m.scheduler.levels: unknown key; known: policy, max_queue, max_queue_rows, max_queue_bytes, max_wait_s",
        ),
        ("backend: {threads: 3}", "m.backend.name: is missing: the name of a backend (absent, fake)"),
        ("backend: {name: 3}", "m.backend.name: got 3, expected the name of a backend"),
        (
            "backend: [fake]",
            "m.backend: got a list, expected the name of a backend, or a section with 'name' and its options",
        ),
        (
            "backend: absent",
            "m.backend: backend 'absent' of distribution 'jackfield-test' is not available here: "
            "a_module_that_is_not_there is not installed; install it with the extra 'absent'",
        ),
        (
            "backend: {name: absent}",
            "m.backend.name: backend 'absent' of distribution 'jackfield-test' is not available here: "
            "a_module_that_is_not_there is not installed; install it with the extra 'absent'",
        ),
        ("backend: {name: fake, tuning: {levl: 1}}", "m.backend.tuning.levl: unknown key; did you mean 'level'?"),
        ("backend: {name: fake, tuning: 3}", "m.backend.tuning: got 3, expected a section"),
        (
            "backend: {name: fake, precision: fp61}",
            "m.backend.precision: got 'fp61', expected 'fp32' or 'fp16'; did you mean 'fp16'?",
        ),
        ("backend: {name: fake, token: a b}", "m.backend.token: got 'a b': token a b has a blank in it"),
        (
            "backend: {name: fake, threads: 13, precision: fp16}",
            "m.backend: 13 threads cannot do fp16, with",
        ),
        ("batch_axis: foo", "m.batch_axis: got 'foo', expected 'auto', false, an integer or a section"),
        ("batch_axis: true", "m.batch_axis: got true, expected 'auto', false, an integer or a section"),
        ("batch_axis: {x: a}", "m.batch_axis.x: got 'a', expected an integer"),
        ("batch_axis: null", "m.batch_axis: got null, expected 'auto', false, an integer or a section"),
        ("warm_up: atuo", "m.warm_up: got 'atuo', expected 'auto', 'off' or a section; did you mean 'auto'?"),
        ("warm_up: {rows: []}", "m.warm_up.rows: got 0 entries, expected at least 1"),
        ("warm_up: {rows: [0]}", "m.warm_up.rows[0]: got 0, expected at least 1"),
        ("warm_up: {row: [1]}", "m.warm_up.row: unknown key; did you mean 'rows'?"),
        ("warm_up: {inputs: {x: {shap: [1]}}}", "m.warm_up.inputs.x.shap: unknown key; did you mean 'shape'?"),
        (
            "warm_up: {inputs: {x: {file: x.txt}}}",
            "m.warm_up.inputs.x.file: got 'x.txt', expected a .npy or .json file",
        ),
        (
            "warm_up: {inputs: {x: {file: x.npy, shape: [1]}}}",
            "m.warm_up.inputs.x: got 'file' together with 'shape' or 'fill', expected one or the other",
        ),
        (
            "warm_up: {inputs: {x: {fill: threes}}}",
            "m.warm_up.inputs.x.fill: got 'threes', expected 'zeros', 'ones', 'random' or a number",
        ),
        ("replicas: 0", "m.replicas: got 0, expected at least 1"),
        ("replicas: true", "m.replicas: got true, expected an integer"),
        ("timeout_s: 0", "m.timeout_s: got 0, expected more than 0"),
        ("timeout_s: .inf", "m.timeout_s: got Infinity, expected a finite number"),
        ("overlap: maybe", "m.overlap: got 'maybe', expected 'auto', true or false"),
        ("version: 1.10", "m.version: got the number 1.1, expected text: write it in quotes"),
        ("version: a b", "m.version: got 'a b', expected letters, digits, '.', '_' and '-' only"),
        ("version: [1]", "m.version: got a list, expected text"),
        ("device: ''", "m.device: got '', expected text that is not empty"),
        ("labels: {o: 3}", "m.labels.o: got 3, expected text or a list"),
        ("labels: {o: [a, 3]}", "m.labels.o[1]: got 3, expected text"),
    ],
)
def test_one_problem_of_a_model(refused: Refusal, given: str, expected: str) -> None:
    assert refused(MODEL % given) == [f"c.yaml:1: models.{expected}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("models: {m: {}}", "models.m.source: is missing"),
        ("models: {m: }", "models.m: got null, expected a section"),
        ("models: [a]", "models: got a list, expected a section"),
        ("modles: {}", "modles: unknown key; did you mean 'models'?"),
        ("models: {a/b: {source: x}}", "models.a/b: got 'a/b', expected letters, digits, '.', '_' and '-' only"),
        (
            "models: {a..b: {source: x}}",
            "models.a..b: got 'a..b', which reads as a folder of a path: '.' alone and '..' are not allowed",
        ),
        ("server: {port: 80000}", "server.port: got 80000, expected at most 65535"),
        ("server: {not_ready_status: 404}", "server.not_ready_status: got 404, expected 400 or 503"),
        ("server: 3", "server: got 3, expected a section"),
        ("log: {format: jsno}", "log.format: got 'jsno', expected 'auto', 'json' or 'console'; did you mean 'json'?"),
        (
            "endpoints: {open-infrence: {}}",
            "endpoints.open-infrence: 'open-infrence' is not an endpoint; did you mean 'open-inference'? "
            "(known: absent-endpoint, metrics, open-inference)",
        ),
        ("endpoints: {metrics: {a: 1}}", "endpoints.metrics.a: unknown key"),
        ("endpoints: [metrics]", "endpoints: got a list, expected a section"),
        (
            "endpoints: {absent-endpoint: {}}",
            "endpoints.absent-endpoint: endpoint 'absent-endpoint' of distribution 'jackfield-test' is not available "
            "here: a_module_that_is_not_there is not installed",
        ),
        ("observers: {nobody: {}}", "observers.nobody: 'nobody' is not an observer; known: access-log"),
    ],
)
def test_one_problem_elsewhere(refused: Refusal, text: str, expected: str) -> None:
    assert refused(text) == [f"c.yaml:1: {expected}"]


def test_a_key_that_only_the_checked_configuration_has(refused: Refusal) -> None:
    (line,) = refused(MODEL % "queue: {max_queue: 3}")
    assert line.startswith("c.yaml:1: models.m.queue: unknown key; known: source, version,")


def test_all_problems_at_once_in_the_order_of_the_file(refused: Refusal) -> None:
    lines = refused("""\
        server: {port: x}
        models:
          one:
            batching: {max_batch_size: 0, max_delay: 1}
            source: a
            batch_axis: 1
            replicas: 0
          two:
            batching: none
        log: {level: loud}
    """)
    assert [line.split(": ")[:2] for line in lines] == [
        ["c.yaml:1", "server.port"],
        ["c.yaml:4", "models.one.batching.max_batch_size"],
        ["c.yaml:4", "models.one.batching.max_delay"],
        ["c.yaml:7", "models.one.replicas"],
        ["c.yaml:8", "models.two.source"],
        ["c.yaml:10", "log.level"],
    ]


def test_no_jargon(refused: Refusal) -> None:
    text = "\n".join(refused("{models: {m: {source: [], batching: 3, batch_axis: x, warm_up: 1, labels: 3}}, log: 1}"))
    for word in ("Input", "should", "validat", "literal", "union", "tag", "dict", "str]", "function", "\0"):
        assert word not in text


def test_python_objects_have_no_file(registry: Registry) -> None:
    with pytest.raises(ConfigError) as caught:
        load({"models": {"m": {"source": "a", "replicas": object(), "batch_axis": None}}}, registry)
    assert str(caught.value).splitlines() == [
        "models.m.replicas: got a value of type object, expected an integer",
        "models.m.batch_axis: got null, expected 'auto', false, an integer or a section",
    ]


def test_long_and_odd_values_are_shortened(refused: Refusal) -> None:
    (line,) = refused('server: {port: "' + "x" * 1000 + '"}')
    assert len(line) < 150
    (line,) = refused('server: {port: "a\\nb"}')
    assert line == "c.yaml:1: server.port: got 'a\\nb', expected an integer"


def test_a_default_that_is_not_installed_is_told(registry: Registry) -> None:
    bare = plugs.registry(jackfield_routers={}, jackfield_placements={})
    with pytest.raises(ConfigError) as caught:
        load({"models": {"m": {"source": "a", "placement": {}}}}, bare)
    assert str(caught.value).splitlines() == [
        "models.m.router: the default, 'least-loaded', is not a router; known: none",
        "models.m.placement.name: the default, 'thread', is not a placement; known: none",
    ]
