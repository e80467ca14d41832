"""Architectures come through entry points, ours and those of others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jackfield.errors import LoadError
from jackfield_plugins.generation.architectures import known
from jackfield_plugins.generation.architectures.architecture import Architecture
from jackfield_plugins.generation.architectures.folder_architecture import FolderArchitecture

MINE = """
from jackfield_plugins.generation.architectures.architecture import Architecture
MINE = Architecture(name="mine", models=("MineForCausalLM",), head_norms=True)
TWIN = Architecture(name="llama", models=("TwinForCausalLM",))
WRONG = "llama"
"""


def install(site: Path, entry: str) -> None:
    """A distribution of somebody else's, as pip would leave it."""
    (site / "theirs.py").write_text(MINE)
    about = site / "theirs-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{known.GROUP}]\n{entry}\n")


def asked(site: Path, code: str) -> str:
    path = f"import sys; sys.path.insert(0, {str(site)!r})"
    script = f"{path}\nfrom jackfield_plugins.generation.architectures import known\n{code}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr


def test_ours() -> None:
    found = known.known()
    decoders = [one.name for one in found if isinstance(one, Architecture)]
    assert decoders == ["llama", "mistral", "qwen2", "qwen3"]
    assert [one.name for one in found if isinstance(one, FolderArchitecture)] == ["bert", "distilbert", "roberta"]
    qwen3 = known.of_models(["Other", "Qwen3ForCausalLM"])
    assert isinstance(qwen3, Architecture)
    assert qwen3.head_norms
    assert known.of_gguf("llama", "m").gguf_pairs
    assert known.of_models(["Other"]) is None
    assert known.model_names().startswith("'BertModel', ")
    with pytest.raises(
        LoadError, match=r"^'m' is of the architecture 'bert', and only these are known in GGUF: 'llama', "
    ):
        known.of_gguf("bert", "m")


def test_one_of_another_distribution(tmp_path: Path) -> None:
    install(tmp_path, "mine = theirs:MINE")
    assert asked(tmp_path, "print(known.of_gguf('mine', 'm').models, known.of_models(['MineForCausalLM']).name)") == (
        "('MineForCausalLM',) mine\n"
    )


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (
            "other = theirs:TWIN",
            "architecture 'other' of distribution 'theirs' and architecture 'llama' of distribution 'jackfield' both "
            "stand for 'llama': remove one",
        ),
        (
            "wrong = theirs:WRONG",
            "architecture 'wrong' of distribution 'theirs' must be an Architecture or FolderArchitecture, not",
        ),
        (
            "gone = theirs_gone:X",
            "architecture 'gone' of distribution 'theirs': import raised ModuleNotFoundError: No module named",
        ),
    ],
)
def test_what_is_wrong_with_one_is_named(tmp_path: Path, entry: str, sentence: str) -> None:
    install(tmp_path, entry)
    assert sentence in asked(tmp_path, "known.known()")
