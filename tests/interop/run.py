"""`make interop`: a server from this environment, clients from another: python -m tests.interop.run OTHER_PYTHON"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import numpy as np
import onnxruntime

from jackfield_plugins.demo import minilm
from tests.e2e.launch import launched

HERE = Path(__file__).parent
MODEL = HERE.parents[1] / ".cache" / "tests" / "minilm.onnx"


def cases(path: Path) -> None:
    """Write inputs, and the answers that ONNX Runtime gives to them in this process."""
    session = onnxruntime.InferenceSession(str(MODEL), providers=["CPUExecutionProvider"])
    arrays = {}
    for number, rows in enumerate((1, 1, 3, 2)):
        ids = np.random.default_rng(number).integers(5, 20000, (rows, 16))
        arrays[f"ids{number}"] = ids
        arrays[f"embedding{number}"] = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0]
    np.savez(path, allow_pickle=False, **arrays)


def complaints_of(promtool: str, metrics: bytes) -> list[str]:
    """What `promtool check metrics` says, less what it says of Triton's names, which are as they are."""
    done = subprocess.run([promtool, "check", "metrics"], input=metrics, capture_output=True, check=False)
    lines = (done.stdout + done.stderr).decode().splitlines()
    names = ("should not contain abbreviated units", 'should not have "_count" suffix')
    return [line for line in lines if not (line.startswith("nv_inference_") and line.endswith(names))]


def main(python: str) -> int:
    """The exit status: 0 if every client was content."""
    if not MODEL.exists():
        MODEL.parent.mkdir(parents=True, exist_ok=True)
        minilm.export(MODEL)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases(folder / "cases.npz")
        config = {
            "models": {"minilm": {"source": str(MODEL)}},
            "observers": {"prometheus": {"triton_names": True}},
        }
        with launched(config, folder) as live:
            client = [python, str(HERE / "kserve_client.py"), f"http://{live.url}", str(folder / "cases.npz")]
            failed = subprocess.run(client, check=False).returncode
            promtool = shutil.which("promtool")
            if promtool is None:
                print(
                    "promtool is not installed (Debian: apt-get install prometheus): metrics were not checked with it"
                )
                return failed
            with urllib.request.urlopen(f"http://{live.url}/metrics") as response:
                complaints = complaints_of(promtool, response.read())
            print(f"promtool check metrics: {len(complaints)} complaints", *complaints, sep="\n  ")
            return failed or bool(complaints)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
