"""Who may import whom: the core loads nothing heavy, knows no plugin, and its rooms depend one way."""

from __future__ import annotations

import ast
import gc
import subprocess
import sys
import weakref

import pytest

import jackfield
from jackfield.plugins.manager import Manager
from jackfield.plugins.registry import Registry
from tests.core.source import CORE, PLUGINS, Import, imports, modules, public

HEAVY = {"torch", "onnxruntime", "tensorrt", "transformers", "tokenizers", "safetensors", "jackfield_plugins"}
"""What no module of the core loads, whoever asks for it."""

UNASKED = HEAVY | {"numpy", "pydantic", "starlette", "uvicorn", "click", "rich", "prometheus_client", "asyncio"}
"""What `import jackfield` does not load: a plugin author who needs `hookimpl` alone pays for nothing else."""

FLOORS: dict[str, int] = {
    "jackfield.types": 1,
    "jackfield.errors": 1,
    "jackfield.clock": 1,
    "jackfield.options": 1,
    "jackfield.shape": 1,
    "jackfield.work": 2,
    "jackfield.signature": 2,
    "jackfield.padding": 2,
    "jackfield.axes": 2,
    "jackfield.arrays": 2,
    "jackfield.cuda": 2,
    "jackfield.interfaces": 3,
    "jackfield.transport": 3,
    "jackfield.hookspecs": 4,
    "jackfield.engine": 4,
    "jackfield.clients": 4,
    "jackfield.stream": 4,
    "jackfield.keys": 4,
    "jackfield.plugins": 5,
    "jackfield.config": 6,
    "jackfield.logs": 7,
    "jackfield.lifecycle": 7,
    "jackfield.repository": 7,
    "jackfield.web": 7,
    "jackfield.hosting": 8,
    "jackfield.supply": 8,
    "jackfield.reconfiguring": 9,
    "jackfield.running": 9,
    "jackfield.server": 10,
    "jackfield.asgi": 11,
    "jackfield.fronts": 12,
    "jackfield.testing": 13,
    "jackfield.cli": 13,
    "jackfield.__main__": 14,
    "jackfield": 15,  # the facade: nothing in the house goes through it
}
"""The house from the ground up. A room imports only what lies below it; rooms of one floor do not know each other."""

UPWARD = {
    ("jackfield.interfaces.endpoint", "jackfield.server"),  # an endpoint is given the server, as a type only
    ("jackfield.interfaces.observer", "jackfield.server"),  # so is an observer
    ("jackfield.web.exchange", "jackfield.server"),  # so is the exchange that endpoints share
}
"""Arrows that run up, none of which is followed when a module is imported."""

OFFERED = {
    "jackfield_plugins.encoding.text_encoder",
    *(
        f"jackfield_plugins.generation.{module}"
        for module in (
            "answer",
            "architectures.folder_architecture",
            "architectures.settings",
            "checkpoints.dequantise",
            "checkpoints.folder",
            "checkpoints.weights",
            "language",
            "parameters",
            "sampling.logprobs",
            "spec",
            "text.tokenizer",
            "torch_decoder.tiles",
        )
    ),
    *(f"jackfield_plugins.open_inference.{module}" for module in ("compression", "headers", "texts")),
    *(f"jackfield_plugins.torch.{module}" for module in ("device_tensors", "staging")),
}
"""What a plugin offers to others: reading checkpoints and text, for encoders as for decoders; what endpoints know of
models that read text; HTTP's part of a request, which is the same in every protocol; and tensors on CUDA devices, whose
memory PyTorch holds."""

EXPORTED = (*modules(CORE),)


def _loaded(code: str, unwanted: set[str]) -> set[str]:
    """Those of `unwanted` that a fresh interpreter has loaded after it ran `code`."""
    script = f"import sys\n{code}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "jackfield" in done.stdout.split()
    return set(done.stdout.split()) & unwanted


def _core_imports() -> list[Import]:
    return [one for module, path in modules(CORE).items() for one in imports(module, path)]


def _plugin_imports() -> list[Import]:
    return [one for module, path in modules(PLUGINS).items() for one in imports(module, path)]


def _room(module: str) -> str:
    """The room that a module is in: the longest name in the table that it begins with."""
    rooms = [room for room in FLOORS if module == room or (room != "jackfield" and module.startswith(f"{room}."))]
    assert rooms, f"{module} is in a room without a floor: give it one in FLOORS"
    return max(rooms, key=len)


def _target(one: Import) -> str:
    """The module that an import reaches: the name itself if it is a module."""
    full = f"{one.target}.{one.name}"
    return full if full in EXPORTED else one.target


def test_import_jackfield_loads_nothing_that_was_not_asked_for() -> None:
    assert _loaded("import jackfield; jackfield.hookimpl, jackfield.API_VERSION", UNASKED) == set()


def test_no_module_of_the_core_loads_a_plugin_or_a_heavy_library() -> None:
    names = [name for name in modules(CORE) if not name.endswith("__main__")]
    assert _loaded("import " + ", ".join(names), HEAVY) == set()


def test_every_public_name_can_be_had_and_loads_nothing_heavy() -> None:
    assert _loaded("import jackfield\nfor name in jackfield.__all__: getattr(jackfield, name)", HEAVY) == set()


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'jackfield' has no attribute 'Nothing'"):
        _ = jackfield.Nothing


def test_the_core_never_imports_a_plugin() -> None:
    assert [str(one) for one in _core_imports() if one.target.partition(".")[0] in HEAVY] == []


def test_rooms_depend_one_way() -> None:
    wrong = []
    for one in _core_imports():
        if one.module == "jackfield" or one.target.partition(".")[0] != "jackfield" or one.name == "__version__":
            continue
        here, there = _room(one.module), _room(_target(one))
        allowed = here == there or FLOORS[there] < FLOORS[here]
        if not allowed and not (one.deferred and (one.module, _target(one)) in UPWARD):
            wrong.append(f"{one} (floor {FLOORS[here]} to floor {FLOORS[there]})")
    assert wrong == []


def test_each_arrow_that_runs_up_is_still_there() -> None:
    deferred = {(one.module, _target(one)) for one in _core_imports() if one.deferred}
    assert deferred >= UPWARD


def test_each_room_with_a_floor_is_known_by_its_name() -> None:
    for room in FLOORS:
        assert _room(room) == room


def test_plugins_import_public_names_only() -> None:
    wrong = []
    for one in _plugin_imports():
        if one.target.partition(".")[0] != "jackfield":
            continue
        if not public(one):
            wrong.append(str(one))
    assert wrong == []


def test_plugins_never_import_the_insides_of_another() -> None:
    def owner(module: str) -> str:
        return ".".join(module.split(".")[:2])

    wrong = [
        str(one)
        for one in _plugin_imports()
        if one.target.partition(".")[0] == "jackfield_plugins"
        and one.target not in OFFERED
        and owner(f"{one.target}.{one.name}".rstrip(".")) != owner(one.module)
    ]
    assert wrong == []


def test_what_is_offered_is_used() -> None:
    def owner(module: str) -> str:
        return ".".join(module.split(".")[:2])

    used = {one.target for one in _plugin_imports() if owner(one.module) != owner(one.target)}
    assert used >= OFFERED


def test_nothing_but_the_manager_touches_hooks() -> None:
    touched = {
        (module, ast.unparse(node))
        for module, path in modules(CORE).items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "hook"
    }
    assert touched == {
        ("jackfield.plugins.manager", "self._pluggy.hook"),
        ("jackfield.plugins.registry", "socket.hook"),  # a socket's own field: the hook's name, as text
        ("jackfield.testing.plugged", "socket.hook"),  # the same
    }


def test_pluggy_is_known_where_plugins_are_announced_and_found() -> None:
    knowing = {one.module for one in _core_imports() + _plugin_imports() if one.target.partition(".")[0] == "pluggy"}
    assert knowing == {"jackfield.hookspecs", "jackfield.plugins", "jackfield.plugins.manager"}


def test_the_registry_does_not_keep_the_manager() -> None:
    manager = Manager(())
    registry, gone = Registry(manager), weakref.ref(manager)
    del manager
    gc.collect()
    assert gone() is None, "something that lives as long as the server could call hooks"
    assert registry.plugins == ()
