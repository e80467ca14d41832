"""The texts that `jackfield new-plugin` writes: `common` for every socket, and a folder each. `$name` is the option's
name, `$cls` the class; they end in `.txt` so that no tool takes them for code."""

from __future__ import annotations

from importlib.resources import files
from string import Template

_USAGE = {
    "batching": "models:\n  my-model:\n    source: model.onnx\n    batching: {policy: $name}",
    "scheduler": "models:\n  my-model:\n    source: model.onnx\n    scheduler: {policy: $name}",
    "router": "models:\n  my-model:\n    source: model.onnx\n    replicas: 2\n    router: {policy: $name}",
    "observer": "observers:\n  $name: {threshold_ms: 250}",
    "loader": "models:\n  my-model:\n    source: model$suffix\n    loader: $name",
    "backend": "models:\n  my-model:\n    source: model.file\n    backend: $name",
    "endpoint": "endpoints:\n  $name: {path: /$name}",
}


def distribution(name: str, socket: str, what: str) -> dict[str, str]:
    """The files of a distribution by path. `name` is checked; `what` is how a sentence calls what fills `socket`."""
    from jackfield import __version__
    from jackfield.plugins import API_VERSION

    package = f"jackfield_{name.replace('-', '_')}"
    words = {
        "name": name,
        "cls": "".join(word.capitalize() for word in name.split("-")),
        "package": package,
        "distribution": f"jackfield-{name}",
        "suffix": f".{name}",
        "what": what,
        "api": API_VERSION,
        "version": __version__,
    }
    words["usage"] = Template(_USAGE[socket]).substitute(words)
    sources = {
        "pyproject.toml": "common/pyproject.toml",
        "README.md": "common/README.md",
        f"{package}/__init__.py": f"{socket}/plugin.py",
        "tests/test_plugin.py": f"{socket}/test.py",
    }
    found = {path: Template(_text(source)).substitute(words) for path, source in sources.items()}
    return {**found, f"{package}/py.typed": "", "tests/__init__.py": ""}


def _text(source: str) -> str:
    return files(__package__).joinpath(f"{source}.txt").read_text(encoding="utf-8")
