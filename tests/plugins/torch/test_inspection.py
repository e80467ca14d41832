"""A `.pt2` archive runs no code: each way in which its reader would, tried."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jackfield import Device
from jackfield.errors import LoadError
from jackfield_plugins.torch.backend import TorchBackend, TorchOptions
from jackfield_plugins.torch.executor import TorchExecutor
from jackfield_plugins.torch.inspection import _is_expression
from jackfield_plugins.torch.loader import TorchLoader, TorchLoaderOptions
from tests.plugins.torch import programs


class Creator:
    """Unpickling one of these makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, (str(self.path), "w"))


def load(path: Path) -> Any:
    return TorchLoader(TorchLoaderOptions()).load(str(path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return programs.mlp(tmp_path / "m.pt2")


@pytest.fixture
def proof(tmp_path: Path) -> Path:
    return tmp_path / "executed"


def saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def test_pickled_example_inputs_are_not_executed(path: Path, proof: Path) -> None:
    content = saved(((Creator(proof),), {}))
    programs.rewritten(path, {"data/sample_inputs/model.pt": content})
    with pytest.raises(LoadError, match=r"holds a pickle of more than tensors in 'data/sample_inputs/model.pt'"):
        load(path)
    assert not proof.exists()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_library_itself_would_execute_them(path: Path, proof: Path) -> None:
    # If this fails some day, the check may go.
    programs.rewritten(path, {"data/sample_inputs/model.pt": saved(((Creator(proof),), {}))})
    with pytest.raises(Exception):  # noqa: B017, PT011  (whatever it says: by then it is too late)
        torch.export.load(path)
    assert proof.exists()


@pytest.mark.parametrize("folder", ["weights", "constants"])
def test_the_old_way_of_keeping_tensors_is_not_executed(path: Path, proof: Path, folder: str) -> None:
    programs.rewritten(path, {f"data/{folder}/model.pt": saved({"w": Creator(proof)})})
    with pytest.raises(LoadError, match=rf"holds a pickle of more than tensors in 'data/{folder}/model.pt'"):
        load(path)
    assert not proof.exists()


@pytest.mark.parametrize(
    ("folder", "place", "use_pickle"),
    [
        ("weights", "weight_9", True),
        ("constants", "tensor_9", True),
        ("constants", "custom_obj_9", False),
        ("constants", "opaque_obj_9", False),
    ],
)
def test_pickled_weights_and_objects_are_not_executed(
    path: Path, proof: Path, folder: str, place: str, use_pickle: bool
) -> None:
    config = {"config": {"w": {"path_name": place, "is_param": False, "use_pickle": use_pickle, "tensor_meta": None}}}
    members = {
        f"data/{folder}/model_{folder}_config.json": json.dumps(config).encode(),
        f"data/{folder}/{place}": pickle.dumps(Creator(proof)),
    }
    programs.rewritten(path, members)
    with pytest.raises(LoadError, match=r"holds 'w' as a pickle, which could run any code and is refused"):
        load(path)
    assert not proof.exists()


def test_compiled_code_is_refused(path: Path) -> None:
    programs.rewritten(path, {"data/aotinductor/model/x.so": b"\x7fELF"})
    with pytest.raises(LoadError, match=r"holds compiled code, which is refused: save the exported program itself"):
        load(path)


def test_members_that_differ_in_case_only_are_refused(path: Path) -> None:
    programs.rewritten(path, {"Models/Model.JSON": b"{}"})
    with pytest.raises(LoadError, match=r"holds members of the same name"):
        load(path)


def test_there_must_be_one_program(path: Path) -> None:
    programs.rewritten(path, {"models/other.json": b"{}"})
    with pytest.raises(LoadError, match=r"must hold exactly one program, named 'model'"):
        load(path)


@pytest.mark.parametrize(
    "target",
    [
        *("torch.os.system", "torch.load", "torch.hub.load", "torch.ops.load_library", "torch.ops.load_library.x"),
        *("torch.ops.aten.__class__.mro", "torch.ops.aten.add.__module__", "torch.ops.aten.from_file.default"),
        *("torch.ops.image.read_file.default", "torch.ops.higher_order.call_torchbind", "_operator.attrgetter"),
        *("_operator.methodcaller", "math.__loader__", "#ext:op", "eval", "", "torch.ops.aten.add.Tensor\n"),
    ],
)
def test_only_operators_are_called(path: Path, target: str) -> None:
    def edit(program: dict[str, Any]) -> None:
        programs.nodes(program)[-1]["target"] = target

    programs.rewritten(path, edit=edit)
    with pytest.raises(LoadError, match=r"calls '.*', which is no operator that a served model may use"):
        load(path)


def test_sizes_are_not_evaluated_as_python(path: Path, proof: Path) -> None:
    def edit(program: dict[str, Any]) -> None:
        values = program["graph_module"]["graph"]["tensor_values"]
        values["x"]["sizes"][0]["as_expr"]["expr_str"] = f"open({str(proof)!r}, 'w')"

    programs.rewritten(path, edit=edit)
    with pytest.raises(LoadError, match=r"holds .open.* where a plain name or size belongs, and is refused"):
        load(path)
    assert not proof.exists()


def test_guards_are_not_evaluated(path: Path, proof: Path) -> None:
    def edit(program: dict[str, Any]) -> None:
        program["guards_code"] = [f"open({str(proof)!r}, 'w') is not None"]

    programs.rewritten(path, edit=edit)
    executor = TorchBackend(TorchOptions()).open(load(path), Device("cpu", "cpu"))
    assert isinstance(executor, TorchExecutor)
    assert executor.run({"x": np.zeros((1, 16), np.float32)}, ["output"])["output"].shape == (1, 4)
    assert not proof.exists()


@pytest.mark.parametrize(
    "text",
    [
        *("Symbol('s17', positive=True, integer=True)", "s0", "2*s0 + 1", "Mul(Integer(2), Symbol('s1'))", "-oo"),
        *("FloorDiv(Symbol('s1', integer=True), Integer(2))", "Max(1, s0)", "s0 >= 2"),
    ],
)
def test_honest_sizes_pass(text: str) -> None:
    assert _is_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        *("exec('x1')", "__import__('os')", "().__class__", "s0.is_real", "[x1 for x1 in s0]", "lambda: 1", "f'{s0}'"),
        *("Symbol('a b')", "Symbol(b's1')", "S('s1')", "Matrix(1, 1, exit)", "Function('s1')(1)", "exit", "a := 1"),
        *("", "(", "s0;s1", "1" * 5000 + "*" + "(" * 5000),
    ],
)
def test_other_text_is_no_size(text: str) -> None:
    assert not _is_expression(text)


@pytest.mark.parametrize(
    "place",
    [
        lambda p: p["graph_module"]["graph"]["inputs"][-1]["as_tensor"],
        lambda p: programs.nodes(p)[0]["inputs"][0],
    ],
)
def test_names_are_not_pasted_into_source(path: Path, place: Any) -> None:
    def edit(program: dict[str, Any]) -> None:
        place(program)["name"] = "x=open('y', 'w')"

    programs.rewritten(path, edit=edit)
    with pytest.raises(LoadError, match=r"where a plain name or size belongs"):
        load(path)


def test_argument_names_are_not_pasted_into_source(path: Path) -> None:
    def edit(program: dict[str, Any]) -> None:
        signature = program["graph_module"]["module_call_graph"][0]["signature"]
        signature["forward_arg_names"] = ["x: open('y', 'w')"]

    programs.rewritten(path, edit=edit)
    with pytest.raises(LoadError, match=r"where a plain name or size belongs"):
        load(path)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (
            {"type": "collections.defaultdict", "context": "{}", "children_spec": []},
            "takes or returns a 'collections.d",
        ),
        (
            {"type": "builtins.dict", "context": '[{"__enum__": true, "fqn": "antigravity:X"}]', "children_spec": []},
            "where a plain name or size belongs",
        ),
        ({"type": "builtins.tuple"}, "is damaged: it describes its inputs or outputs wrongly"),
    ],
)
def test_nothing_is_imported_for_the_structure_of_inputs(path: Path, tree: dict[str, Any], message: str) -> None:
    def edit(program: dict[str, Any]) -> None:
        program["graph_module"]["module_call_graph"][0]["signature"]["in_spec"] = json.dumps([1, tree])

    programs.rewritten(path, edit=edit)
    with pytest.raises(LoadError, match=message):
        load(path)


def test_a_program_that_is_no_json_is_damaged(path: Path) -> None:
    programs.rewritten(path, {"models/model.json": b"{"})
    with pytest.raises(LoadError, match=r"is damaged: its member 'models/model.json' is not JSON"):
        load(path)
    programs.rewritten(path, {"models/model.json": b"[" * 100_000})
    with pytest.raises(LoadError, match=r"is damaged"):
        load(path)
