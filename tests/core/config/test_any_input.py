"""Whatever is given, there is a configuration or a ConfigError, and nothing of what variables held is shown."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield.config import load
from jackfield.config.reading import parse
from jackfield.errors import ConfigError
from jackfield.plugins.registry import Registry
from tests.core.config import plugs
from tests.core.config.test_load import FULL

REGISTRY: Registry = plugs.registry()
SECRET = "hunter2-in-the-open"
KEYS = [
    "models",
    "server",
    "m",
    "source",
    "batching",
    "policy",
    "scheduler",
    "backend",
    "name",
    "fake",
    "dynamic",
    "none",
]
KEYS += [
    "warm_up",
    "inputs",
    "rows",
    "batch_axis",
    "labels",
    "endpoints",
    "metrics",
    "limits",
    "max_queue",
    "token",
    "cache",
]
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(KEYS)
data = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), data, max_size=5), data)
def test_objects(sections: dict[str, Any], model: Any) -> None:
    for source in (sections, {"models": {"m": model}}, {"models": {"m": {"source": "a", "backend": model}}}):
        with suppress(ConfigError):
            load(source, REGISTRY)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([".".join(KEYS[:n]) for n in range(1, 9)] + KEYS), st.text(max_size=9))))
def test_overrides(overrides: list[tuple[str, str]]) -> None:
    with suppress(ConfigError):
        load(["a.onnx"], REGISTRY, [f"models.a.{path}={value}" for path, value in overrides], {})


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="ab:{}[]&*!<>|-\n \t\"'$#,?%~", max_size=60))
def test_text(text: str) -> None:
    with suppress(ConfigError):
        parse(text, str, Path(), {})


LINES = dedent(FULL).splitlines()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(LINES) - 1), st.data())
def test_a_secret_anywhere(number: int, choice: st.DataObject) -> None:
    """One word of the file is replaced by a variable."""
    words = LINES[number].replace("{", "{ ").replace("}", " }").replace(",", " ,").split(" ")
    place = choice.draw(st.integers(0, len(words) - 1))
    end = ":" if words[place].endswith(":") else ""
    words[place] = choice.draw(st.sampled_from(['"${S}"', '"x-${S}"'])) + end
    text = "\n".join([*LINES[:number], " ".join(words), *LINES[number + 1 :]])
    told = ""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "c.yaml")
        file.write_text(text)
        try:
            load(file, REGISTRY, (), {"S": SECRET})
        except ConfigError as error:
            told = str(error)
    assert SECRET not in told
