"""The module itself: all that the plugin calls is there, and takes what it is given."""

from __future__ import annotations

import ast
import importlib.util
import sys
import types
from pathlib import Path

import pytest

import jackfield_plugins.tensorrt
from jackfield.errors import LoadError
from jackfield_plugins.tensorrt import module as finding
from jackfield_plugins.tensorrt.module import installed, load_module
from tests.plugins.tensorrt.made import needs_module

FOLDER = Path(jackfield_plugins.tensorrt.__file__).parent

USED = {
    "Builder": ["create_network", "create_builder_config", "create_optimization_profile", "build_serialized_network"],
    "INetworkDefinition": ["num_inputs", "num_outputs", "get_input", "get_output"],
    "ITensor": ["name", "dtype", "shape", "get_dimension_name", "is_shape_tensor"],
    "OnnxParser": ["parse_from_file", "num_errors", "get_error"],
    "ParserError": ["desc", "node_name", "node_operator"],
    "IBuilderConfig": [
        "add_optimization_profile", "create_timing_cache", "set_timing_cache", "set_flag", "clear_flag",
        "set_memory_pool_limit", "builder_optimization_level", "progress_monitor",
    ],
    "IOptimizationProfile": ["set_shape"],
    "ITimingCache": ["serialize"],
    "IProgressMonitor": ["phase_start", "phase_finish", "step_complete"],
    "Runtime": ["deserialize_cuda_engine"],
    "ICudaEngine": [
        "num_optimization_profiles", "num_io_tensors", "get_tensor_name", "get_tensor_location",
        "create_execution_context", "create_runtime_config",
    ],
    "IExecutionContext": [
        "set_optimization_profile_async", "set_input_shape", "infer_shapes", "get_tensor_shape", "set_tensor_address",
        "execute_async_v3", "set_output_allocator",
    ],
    "IRuntimeConfig": ["cuda_graph_strategy", "create_runtime_cache", "set_runtime_cache"],
    "IRuntimeCache": ["serialize", "deserialize"],
    "CudaGraphStrategy": ["WHOLE_GRAPH_CAPTURE"],
    "BuilderFlag": ["TF32"],
    "MemoryPoolType": ["WORKSPACE"],
    "TensorLocation": ["DEVICE"],
    "NetworkDefinitionCreationFlag": ["STRONGLY_TYPED"],
    "IOutputAllocator": [],
    "ILogger": ["Severity"],
}  # fmt: skip
"""What the plugin uses, class by class."""

OWN = {"BF16"}
"""Used only where `Module.weak_types` says that it is there."""


@needs_module
@pytest.mark.parametrize("name", USED)
def test_what_is_used_is_there(name: str) -> None:
    cls = getattr(load_module().api, name)
    assert [one for one in USED[name] if not hasattr(cls, one)] == []


def test_nothing_else_is_used() -> None:
    """Every attribute of the module, and every method that is called on what it gives, is in the table."""
    known = {*USED, *(one for names in USED.values() for one in names), *OWN}
    methods = {one for names in USED.values() for one in names}
    found = set()
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                if isinstance(node.value, ast.Name) and node.value.id == "api":
                    found.add(node.attr)
                if isinstance(node.value, ast.Attribute) and node.value.attr == "api":
                    found.add(node.attr)
                if isinstance(node.value, ast.Name) and node.value.id in ("context", "config", "engine", "builder"):
                    found.add(node.attr)
    assert found - known == set()
    assert methods & found  # the walk sees something


@needs_module
def test_it_is_found_and_imported_once() -> None:
    module = load_module()
    assert installed() == module.name == "tensorrt_rtx"
    assert module.version
    assert module.needs_no_device
    assert module.network_flags(True) == 1 << int(module.api.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    assert module.network_flags(False) == 0
    assert load_module() is module


@needs_module
def test_errors_are_kept_for_whoever_asks_why() -> None:
    module = load_module()
    severity = module.api.ILogger.Severity
    module.logger.log(severity.ERROR, "no room")
    module.logger.log(severity.WARNING, "slow")
    module.logger.log(severity.INFO, "hello")
    assert module.why() == "no room"
    assert module.why() == "it does not say why"


def test_without_a_module_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert installed() is None
    with pytest.raises(LoadError, match="neither 'tensorrt' nor 'tensorrt_rtx' is installed: the extras"):
        load_module.__wrapped__()


@pytest.mark.parametrize(
    ("stand_in", "sentence"),
    [
        (types.ModuleType("tensorrt"), "'tensorrt' has no Builder: it is a placeholder"),
        (None, "'tensorrt' cannot be imported: ModuleNotFoundError: import of tensorrt halted"),
    ],
)
def test_a_module_that_does_not_come_up_is_named(
    monkeypatch: pytest.MonkeyPatch, stand_in: types.ModuleType | None, sentence: str
) -> None:
    monkeypatch.setattr(finding, "installed", lambda: "tensorrt")
    monkeypatch.setitem(sys.modules, "tensorrt", stand_in)  # None halts an import
    with pytest.raises(LoadError, match=sentence):
        load_module.__wrapped__()
