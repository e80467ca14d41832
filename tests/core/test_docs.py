"""The guide for plugin authors says what the code does: examples run, signatures and sentences are the real ones."""

from __future__ import annotations

import inspect
import re
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import jackfield.interfaces
import jackfield.testing
from jackfield import Observer, Settled
from jackfield.config import load
from jackfield.plugins.manager import Manager, Plugin, discover
from jackfield.plugins.registry import Registry
from tests.core.api import class_signature, hooks, members, signature
from tests.core.plugins.catalogue import SENTENCES
from tests.core.plugins.distributions import Site, build
from tests.core.source import ROOT, imports, public
from tests.core.testing.breaking import broken

Run = Callable[[str], ModuleType]

GUIDE = ROOT / "docs" / "plugin-authors.md"


@dataclass(frozen=True)
class Block:
    """A fenced block of code, with the name of the file that it stands for."""

    language: str
    title: str
    text: str


def blocks(language: str) -> list[Block]:
    found = re.findall(r'^```(\w+)(?: title="([\w.-]+)")?\n(.*?)^```$', GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    return [Block(*one) for one in found if one[0] == language]


PYTHON = {block.title: block for block in blocks("python")}
PLUGINS = [title for title, block in PYTHON.items() if "jackfield_api" in block.text and not title.startswith("test_")]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Execute a block as the module that its title names, which later blocks may import."""

    def execute(title: str) -> ModuleType:
        module = ModuleType(title.removesuffix(".py"))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(PYTHON[title].text, title, "exec"), module.__dict__)
        return module

    return execute


def plugin(module: Any) -> Plugin:
    return Plugin(module.__name__, f"dist-{module.__name__}", "1.0", module.jackfield_api, module)


def documented_errors() -> list[str]:
    """The first column of the table of errors, without its quotes."""
    section = GUIDE.read_text().split("## Errors that you may meet", 1)[1]
    return [
        quoted[len(ticks) : -len(ticks)] for quoted, ticks in re.findall(r"^\| ((`+).*?\2) \|", section, re.MULTILINE)
    ]


def pattern(documented: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, documented.split("…"))))


def test_every_block_of_python_names_its_file() -> None:
    assert len(PYTHON) == len(blocks("python")), "two blocks have one title, or none"
    assert all(title.endswith(".py") for title in PYTHON)


@pytest.mark.parametrize("title", PLUGINS)
def test_every_plugin_of_the_guide_fills_a_socket(title: str, run: Run) -> None:
    registry = Registry(Manager([plugin(run(title))]))
    assert len(list(registry)) == 1


@pytest.mark.parametrize("title", PLUGINS)
def test_every_plugin_of_the_guide_imports_public_names_only(title: str, tmp_path: Path) -> None:
    path = tmp_path / title
    path.write_text(PYTHON[title].text)
    for one in imports(path.stem, path):
        if one.target.partition(".")[0] == "jackfield":
            assert public(one), one


def test_the_tests_of_the_guide_pass(run: Run) -> None:
    run("steady.py")
    module = run("test_steady.py")
    tests = [value for name, value in vars(module).items() if name.startswith("test_")]
    assert len(tests) == 3
    for test in tests:
        test()


def test_the_contracts_of_the_guide_are_kept(run: Run) -> None:
    run("steady.py")
    module = run("test_steady_contract.py")
    contracts = [cls for name, cls in vars(module).items() if name.startswith("Test")]
    assert len(contracts) == 2
    assert [broken(contract) for contract in contracts] == [{}, {}]


@pytest.mark.parametrize("title", ["test_steady_simulated.py", "test_slow_log.py"])
def test_the_other_tests_of_the_guide_pass(title: str, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    run("steady.py")
    run("slow_log.py")
    tests = [value for name, value in vars(run(title)).items() if name.startswith("test_")]
    assert len(tests) == 1
    tests[0](*([caplog] if "caplog" in inspect.signature(tests[0]).parameters else []))


def test_every_contract_is_in_the_guide_with_what_it_can_be_told() -> None:
    rows = re.findall(r"^\| `(\w+Contract)` \| (.*) \| (.*) \|$", GUIDE.read_text(), re.MULTILINE)
    assert {row[0] for row in rows} == {name for name in jackfield.testing.__all__ if name.endswith("Contract")}
    for name, say, held in rows:
        contract: Any = getattr(jackfield.testing, name)
        assert set(re.findall(r"`(\w+)`", say)) == contract.__abstractmethods__
        assert set(re.findall(r"`([a-z_]+)`", held)) == set(inspect.get_annotations(contract))


def test_the_observer_of_the_guide_tells_of_slow_requests(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    run("steady.py")
    work = run("test_steady.py").work(1, 10.0)
    cls = Registry(Manager([plugin(run("slow_log.py"))])).get("observer", "slow-log")
    observer: Observer = cls(cls.options(threshold_ms=250), None)
    for work.finished in (10.2, 10.3):
        observer.settled(Settled("classifier", "1", work))
    assert [record.getMessage() for record in caplog.records] == ["classifier took 300 ms and is queued"]


def test_the_class_with_a_missing_dependency_is_unavailable(run: Run) -> None:
    entry = Registry(Manager([plugin(run("faster.py"))])).socket("batching")["faster"]
    assert entry.unavailable == "a_rare_library is not installed; install it with the extra 'rare'"


def test_the_distribution_of_the_guide_can_be_built_and_installed(tmp_path: Path) -> None:
    (project,) = blocks("toml")
    source = tmp_path / "source"
    source.mkdir()
    (source / project.title).write_text(project.text)
    (source / "steady.py").write_text(PYTHON["steady.py"].text)
    site = Site(tmp_path / "site")
    site.install(build([source], tmp_path / "wheels")["jackfield-steady"])
    found = site.found({"JACKFIELD_PLUGINS": "steady"})
    assert found["plugins"] == [["steady", tomllib.loads(project.text)["project"]["name"], "1.0", "1.0"]]
    assert found["entries"] == [["batching", "steady", "steady", None]]


def test_the_configurations_of_the_guide_are_right(run: Run) -> None:
    defaults = discover({"JACKFIELD_PLUGINS": "batching,placement,routing,scheduling"}).plugins
    registry = Registry(Manager([*defaults, *(plugin(run(title)) for title in PLUGINS)]))
    policy, observer = (load(yaml.safe_load(block.text), registry, environ={}) for block in blocks("yaml"))
    batching = policy.models["classifier"].batching
    assert (batching.name, batching.options.model_dump()) == ("steady", {"rows": 32, "patience_ms": 10})
    assert observer.observers["slow-log"].model_dump() == {"threshold_ms": 250}


def test_every_hook_is_documented_as_it_is() -> None:
    headings = re.findall(r"^### `(jackfield_\w+\(.*)`$", GUIDE.read_text(), re.MULTILINE)
    assert headings == [signature(name, function) for name, function in hooks().items()]


def test_every_interface_is_documented_as_it_is() -> None:
    shown = [block.text.rstrip() for block in blocks("text")]
    classes = [cls for cls in vars(jackfield.interfaces).values() if inspect.isclass(cls) and _has_methods(cls)]
    real = ["\n".join(class_signature(cls)) for cls in classes]
    assert sorted(shown) == sorted(real)


def _has_methods(cls: type) -> bool:
    return any(any(members(name, member)) for name, member in vars(cls).items() if not name.startswith("_"))


def test_every_link_within_the_guide_leads_somewhere() -> None:
    text = GUIDE.read_text()
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = set(re.findall(r"\]\(#([\w-]+)\)", text))
    assert links
    assert links - anchors == set()


@pytest.mark.parametrize("name", SENTENCES)
def test_every_sentence_that_stops_the_start_is_explained(name: str) -> None:
    assert [one for one in documented_errors() if pattern(one).search(SENTENCES[name])]


@pytest.mark.parametrize("documented", documented_errors())
def test_every_sentence_that_is_explained_exists(documented: str) -> None:
    source = "".join(path.read_text() for path in sorted((ROOT / "core" / "jackfield" / "plugins").glob("*.py")))
    words = [part.strip() for part in documented.split("…") if len(part.strip()) > 1]
    assert words
    for part in words:
        found = part in re.sub(r'"\s*\n\s*f?"', "", source) or any(part in one for one in SENTENCES.values())
        assert found, f"no error says '{part}'"


def test_the_versions_of_the_guide_are_those_of_the_code() -> None:
    assert set(re.findall(r'jackfield_api = "([\d.]+)"', GUIDE.read_text())) == {jackfield.API_VERSION}
