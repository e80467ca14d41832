"""Models that carry code, are damaged, or reach out of their folder: refused, before anything of them has run."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from onnx import TensorProto, external_data_helper, helper

from tests.e2e.company import refusal, until
from tests.e2e.launch import launched
from tests.e2e.sockets import content, doubled
from tests.plugins.onnx.graphs import FLOAT, mlp, model, save, value

CANARY = "canary"


class Trap:
    """Pickled, it makes the canary appear in `folder` when it is opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.folder / CANARY), "w")


def serve(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit status and log of `jackfield serve` in `folder`, which must come to an end by itself."""
    command = [sys.executable, "-m", "jackfield", "serve", *arguments, "--port", "0", "--log-format", "json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    return done.returncode, done.stderr


def pickled(name: str, protocol: int = 4) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        (folder / name).write_bytes(pickle.dumps(Trap(folder), protocol))
        return name

    return write


def zipped(name: str, *members: str) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        with zipfile.ZipFile(folder / name, "w") as archive:
            for member in members:
                archive.writestr(f"archive/{member}", pickle.dumps(Trap(folder)))
        return name

    return write


def code(name: str, source: str) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"open({str(folder / CANARY)!r}, 'w')\n\n\nclass Model:\n    def predict(self, x): return x\n")
        return source

    return write


def damaged(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        (folder / name).write_bytes(change(mlp().SerializeToString()))
        return name

    return write


def reaching(place: str, link: bool = False) -> Callable[[Path], str]:
    """A model with weights at `place`, which exists; and, if it is a `link`, leads out of the folder."""

    def write(folder: Path) -> str:
        (folder / "secret").write_bytes(bytes(1 << 16))
        inner = folder / "models"
        inner.mkdir()
        if link:
            (inner / place).symlink_to(folder / "secret")
        proto = mlp()
        for tensor in proto.graph.initializer:
            external_data_helper.set_external_data(tensor, place.replace("FOLDER", str(folder)), length=64)
            tensor.ClearField("raw_data")
        save(proto, inner / "m.onnx")
        return "models/m.onnx"

    return write


def overflowing(folder: Path) -> str:
    weights = helper.make_tensor("w", FLOAT, [4], [1.0] * 4)
    del weights.dims[:]
    weights.dims.extend([2**62, 2**62])
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    save(model(nodes, [value("x", ["N", 4])], [value("y", ["N", 4])], [weights]), folder / "m.onnx")
    return "m.onnx"


def endless(folder: Path) -> str:
    """Loads, and asks for more memory than there is when it is run."""
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [2**31, 2**31])
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["big"]),
        helper.make_node("ReduceMax", ["big"], ["most"], keepdims=0),
        helper.make_node("Add", ["x", "most"], ["y"]),
    ]
    save(model(nodes, [value("x", ["N", 4])], [value("y", ["N", 4])], [shape]), folder / "m.onnx")
    return "m.onnx"


REFUSED: Mapping[str, tuple[Callable[[Path], str], str]] = {
    "a pickle as .pt": (pickled("m.pt"), "is a pickle, which can run any code when it is opened and is refused"),
    "a pickle as .pth": (pickled("m.pth"), "is a pickle"),
    "a pickle as .bin": (pickled("m.bin"), "is a pickle"),
    "a pickle as .pkl": (pickled("m.pkl"), "is a pickle"),
    "a pickle as .pt2": (pickled("m.pt2"), "is a pickle"),
    "an old pickle as .pkl": (pickled("m.pkl", 0), "no loader takes it"),
    "joblib": (pickled("m.joblib"), "no loader takes it"),
    "a pickle as .onnx": (pickled("m.onnx"), "is not an ONNX model, or is truncated"),
    "a pickle in a zip": (zipped("m.pt", "data.pkl"), "is a pickle"),
    "TorchScript": (zipped("m.pt", "data.pkl", "constants.pkl", "code/m.py"), "is TorchScript, which is code"),
    "TorchScript as .pt2": (zipped("m.pt2", "data.pkl", "constants.pkl"), "is TorchScript, which is code"),
    "an export of an old format": (zipped("m.pt2", "serialized_exported_program.json"), "of an old PyTorch"),
    "an export without a program": (zipped("m.pt2", "archive_format", "data/weights/w.pt"), "m.pt2' "),
    "a folder with a model.py": (code("m/model.py", "m"), "no loader takes it"),
    "a file without a class": (code("m.py", "m.py"), "does not name a class, and naming one is the consent"),
    "a file with no such class": (lambda _: "nothing.py:Model", "cannot be read: No such file"),
    "half an ONNX file": (damaged("m.onnx", lambda raw: raw[: len(raw) // 2]), "is truncated"),
    "an ONNX file without its last byte": (damaged("m.onnx", lambda raw: raw[:-1]), "is truncated"),
    "an empty ONNX file": (damaged("m.onnx", lambda raw: b""), "is truncated"),
    "noise": (damaged("m.onnx", lambda raw: hashlib.sha512(raw).digest() * 100), "is truncated"),
    "half of anything": (damaged("m.pt2", lambda raw: raw[:50]), "no file of PyTorch's, or is truncated"),
    "weights in the folder above": (reaching("../secret"), "outside the model's folder"),
    "weights in the folder above, in disguise": (reaching("x/../../secret"), "outside the model's folder"),
    "weights at an absolute path": (reaching("FOLDER/secret"), "outside the model's folder"),
    "weights behind a link": (reaching("weights", link=True), "outside the model's folder"),
    "weights that are not there": (reaching("nowhere"), "not in the model's folder"),
    "dimensions that overflow": (overflowing, "m.onnx"),
    "more memory than there is": (endless, "the model"),
    "nothing": (lambda _: "nothing.onnx", "does not exist"),
    "a folder above": (lambda _: "../../../../etc/passwd", "no loader takes it"),
}


@pytest.fixture(scope="module")
def reasons(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Why each of them was not loaded by a server that goes on with a good one."""
    folder = tmp_path_factory.mktemp("artifacts")
    double = f"{Path(__file__).parent / 'models.py'}:Double"
    models = {"double": {"source": double}}
    for number, (write, _) in enumerate(REFUSED.values()):
        own = folder / f"m{number}"
        own.mkdir()
        models[f"m{number}"] = {"source": str(own / write(own))}
    reasons: dict[str, str] = {}

    def all_failed() -> bool:
        lines = [json.loads(line) for line in live.log.read_text().splitlines() if '"model is failed"' in line]
        reasons.update((line["model"], line["reason"]) for line in lines)
        return len(reasons) == len(REFUSED)

    config = {"server": {"exit_on_load_error": False}, "models": models}
    with launched(config, folder, ready=False) as live:
        until(all_failed, "all of them to be refused")
        answer = live.infer("double", content(7))
        assert (answer.status, answer.json["outputs"][0]["data"]) == (200, doubled(7))
        assert live.ask("GET", "/v2/health/ready").status == 503
        for number in range(len(REFUSED)):
            refusal(live.infer(f"m{number}", content(7)), 503)
        assert "Traceback" not in live.log.read_text()
    assert not list(folder.rglob(CANARY))
    return {name: reasons[f"m{number}"] for number, name in enumerate(REFUSED)}


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_must_not_be_opened(reasons: Mapping[str, str], name: str) -> None:
    assert REFUSED[name][1] in reasons[name]
    assert "\n" not in reasons[name]


@pytest.mark.parametrize("name", ["a pickle as .pt", "TorchScript", "a file without a class", "half an ONNX file"])
def test_the_command_ends_with_one_sentence(tmp_path: Path, name: str) -> None:
    write, reason = REFUSED[name]
    status, log = serve(tmp_path, write(tmp_path))
    assert status == 2, log
    *events, sentence = log.splitlines()
    assert sentence.startswith("jackfield: model 'm' failed to load: ")
    assert reason in sentence
    assert all(json.loads(event)["event"] for event in events)
    assert not (tmp_path / CANARY).exists()


def test_a_pinned_hash(tmp_path: Path) -> None:
    path = save(mlp(), tmp_path / "m.onnx")

    def config(digest: str) -> dict[str, Any]:
        return {"models": {"m": {"source": str(path), "loader": {"name": "onnx", "sha256": digest}}}}

    right = hashlib.sha256(path.read_bytes()).hexdigest()
    with launched(config(right), tmp_path) as live:
        assert live.ask("GET", "/v2/models/m/ready").status == 200
    path.write_bytes(path.read_bytes() + b"\x08\x01")
    (tmp_path / "pinned.yaml").write_text(yaml.safe_dump(config(right)))
    status, log = serve(tmp_path, "pinned.yaml")
    assert status == 2
    assert f"and the configuration pins {right}" in log.splitlines()[-1]


def test_the_canaries_sing(tmp_path: Path) -> None:
    """What appears nowhere above does appear where code is run: naming a class is consent, and so is unpickling."""
    code("m.py", "m.py")(tmp_path)
    status, log = serve(tmp_path, "m.py:Nothing")
    assert (status, (tmp_path / CANARY).exists()) == (2, True)
    assert "there is no class 'Nothing'; classes that it defines: 'Model'" in log.splitlines()[-1]
    (tmp_path / CANARY).unlink()
    pickled("m.pkl")(tmp_path)
    command = [sys.executable, "-c", "import pickle; pickle.load(open('m.pkl', 'rb'))"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert (tmp_path / CANARY).exists()
