"""Reading imports out of source files, for the tests that hold the direction of dependencies."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jackfield
import jackfield.hosting
import jackfield.transport
import jackfield.web

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "core" / "jackfield"
PLUGINS = ROOT / "plugins" / "jackfield_plugins"

PUBLIC: dict[str, set[str] | None] = {
    "jackfield": set(jackfield.__all__),
    "jackfield.axes": {"with_batch_axis"},
    "jackfield.cuda": {"CudaDevice", "cuda_devices", "missing_driver"},
    "jackfield.errors": None,
    "jackfield.hosting": set(jackfield.hosting.__all__),
    "jackfield.web": set(jackfield.web.__all__),
    "jackfield.testing": None,
    "jackfield.transport": set(jackfield.transport.__all__),
}
"""What a plugin may import of Jackfield: these names of these modules; None means all names without underscore."""


@dataclass(frozen=True)
class Import:
    """One imported name: `from target import name`, or `import target` with an empty name.

    `deferred`: not executed when the module is imported, because it stands in a function or under TYPE_CHECKING.
    """

    module: str
    target: str
    name: str
    line: int
    deferred: bool

    def __str__(self) -> str:
        what = f"from {self.target} import {self.name}" if self.name else f"import {self.target}"
        return f"{self.module}:{self.line}: {what}"


def modules(package: Path) -> dict[str, Path]:
    """The modules below `package` by dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(module: str, path: Path) -> list[Import]:
    """All imports of one module, wherever they stand in it."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return list(_walk(ast.parse(path.read_text(), str(path)), module, package, deferred=False))


def public(one: Import) -> bool:
    """Whether a plugin may import this of Jackfield."""
    names = PUBLIC.get(one.target, set())
    return bool(one.name) and not one.name.startswith("_") if names is None else one.name in names


def _walk(node: ast.AST, module: str, package: str, *, deferred: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(module, alias.name, "", node.lineno, deferred)
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        target = ".".join([*above, *([node.module] if node.module else [])])
        for alias in node.names:
            yield Import(module, target, alias.name, node.lineno, deferred)
    elif isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        for unchecked in node.body:
            yield from _walk(unchecked, module, package, deferred=True)
        for otherwise in node.orelse:
            yield from _walk(otherwise, module, package, deferred=deferred)
    else:
        inside = deferred or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from _walk(child, module, package, deferred=inside)
