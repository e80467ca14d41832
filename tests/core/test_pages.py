"""Pages lead to each other, and to files that there are; the architecture page has a sentence for every folder."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.core.source import CORE, PLUGINS, ROOT

FOLDERS = tuple(ROOT / name for name in ("core", "plugins", "contrib", "tests", "benchmarks", "examples"))
PAGES = sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("contrib/*/*.md")))
SOURCES = sorted(
    path for folder in FOLDERS for kind in ("py", "yaml", "h", "cpp", "txt") for path in folder.rglob(f"*.{kind}")
)
ARCHITECTURE = ROOT / "docs" / "architecture.md"
GENERATION = PLUGINS / "generation"


@cache
def anchors(page: Path) -> frozenset[str]:
    """What stands behind `#` in links to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return frozenset(re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings)


def cells(page: Path) -> list[str]:
    """The first column of every table, without its quotes."""
    return re.findall(r"^\| `([^`|]+)` \|", page.read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in anchors(target), f"{link} names a heading that {target.name} does not have"


def test_every_page_that_source_names_is_there() -> None:
    named = {
        (str(path.relative_to(ROOT)), page)
        for path in SOURCES
        for page in re.findall(r"\bdocs/[\w./-]+\.md\b", path.read_text())
    }
    assert named
    assert [one for one in sorted(named) if not (ROOT / one[1]).is_file()] == []


def test_every_page_can_be_found_from_the_readme() -> None:
    found, left = set[Path](), [ROOT / "README.md"]
    while left:
        page = left.pop()
        if page in found or page.suffix != ".md" or not page.is_file():
            continue
        found.add(page)
        left += [(page.parent / link).resolve() for link in re.findall(r"\]\(([^)#\s]+)", page.read_text())]
    assert set(ROOT.glob("docs/*.md")) - found == set()


def test_every_folder_has_a_sentence() -> None:
    rows = {cell.replace("…", "plugins/jackfield_plugins").rstrip("/") for cell in cells(ARCHITECTURE)}
    folders = {path.parent for package in (CORE, PLUGINS) for path in package.rglob("*.py")} | {
        *(path.parent for path in (ROOT / "contrib").glob("*/pyproject.toml")),
        *(path.parent for path in (ROOT / "benchmarks").glob("*/__init__.py")),
        *FOLDERS[2:],
        GENERATION / "native" / "source",
    }
    assert {str(folder.relative_to(ROOT)) for folder in folders} - rows == set()
    assert [row for row in rows if "/" in row and not (ROOT / row).exists()] == []


def test_every_file_of_generation_has_a_sentence() -> None:
    section = ARCHITECTURE.read_text().split("### Generation", 1)[1]
    named = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert sorted(named) == sorted(path.stem for path in GENERATION.glob("*.py") if path.stem != "__init__")
