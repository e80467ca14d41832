"""What the guide to architectures shows is tried as it stands there."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from jackfield_plugins.generation.architectures.architecture import Architecture
from jackfield_plugins.generation.architectures.known import GROUP
from tests.plugins.generation import tiny

GUIDE = Path(__file__).parents[4] / "docs" / "architectures.md"
ASK = """
import sys
sys.path.insert(0, sys.argv[1])
from jackfield_plugins.generation.checkpoints.huggingface import HuggingFaceLoader, HuggingFaceOptions
spec = HuggingFaceLoader(HuggingFaceOptions()).load(sys.argv[2]).content.spec
names = (spec.embedding.name, spec.layers[1].query.weight.name, spec.layers[1].query.bias.name)
print(spec.architecture, *names, [layer.window for layer in spec.layers])
"""


def test_the_example_opens_a_checkpoint(tmp_path: Path) -> None:
    files = dict(re.findall(r'^```\w+ title="([\w.-]+)"\n(.*?)^```$', GUIDE.read_text(), re.MULTILINE | re.DOTALL))
    site, model = tmp_path / "site", tmp_path / "model"
    about = site / "jackfield_mine-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "mine.py").write_text(files["mine.py"])
    project = tomllib.loads(files["pyproject.toml"])["project"]
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    entries = "\n".join(f"{name} = {value}" for name, value in project["entry-points"][GROUP].items())
    (about / "entry_points.txt").write_text(f"[{GROUP}]\n{entries}\n")
    tiny.save("qwen2", model)
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in load_file(model / "model.safetensors").items():
        renamed = name.replace("model.embed_tokens", "backbone.tokens").replace("self_attn.q_proj", "attention.q")
        tensors[renamed] = tensor
    save_file(tensors, model / "model.safetensors")
    config = json.loads((model / "config.json").read_text())
    changed = {"architectures": ["MineForCausalLM"], "model_type": "mine", "sliding_window": 9}
    (model / "config.json").write_text(json.dumps({**config, **changed}))
    asked = [sys.executable, "-c", ASK, str(site), str(model)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines()[-1:] == [
        "mine backbone.tokens.weight model.layers.1.attention.q.weight model.layers.1.attention.q.bias [0, 9, 0]"
    ], done.stderr


def test_every_field_is_described() -> None:
    text = GUIDE.read_text()
    for field in dataclasses.fields(Architecture):
        assert re.search(rf"^\| .*`{field.name}`", text, re.MULTILINE), field.name
