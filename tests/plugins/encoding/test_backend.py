"""The backend keeps to the contract, and its options do what they say."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jackfield import Array, Artifact, Executor
from jackfield.errors import LoadError
from jackfield.testing import BackendContract
from jackfield_plugins.encoding.backend import EncoderBackend, EncoderOptions
from tests.plugins.encoding import folders
from tests.plugins.encoding.steps import right


class TestTokens(BackendContract):
    rtol, atol = 0.0, 0.0

    def backend(self) -> EncoderBackend:
        return EncoderBackend(EncoderOptions())

    def artifact(self, folder: Path) -> Artifact:
        folders.save("bert", folder / "m")
        return folders.loaded(folder / "m")

    def inputs(self, executor: Executor, rows: int, draw: random.Random) -> dict[str, Array]:
        return {"tokens": folders.drawn(draw.randrange(1000), rows * 7).reshape(rows, 7)}


class TestTexts(TestTokens):
    def inputs(self, executor: Executor, rows: int, draw: random.Random) -> dict[str, Array]:
        return {"text": folders.texts(*(f"{draw.randrange(10**6)} and so on" for _ in range(rows)))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bert")
    folders.save("bert", made)
    return made


@pytest.mark.parametrize("how", ["mean", "cls", "max", "last"])
@pytest.mark.parametrize("normalize", [True, False])
def test_pooling_of_ones_own(folder: Path, how: str, normalize: bool, tmp_path: Path) -> None:
    model = folders.save("bert", tmp_path)
    row = folders.drawn(1, 11)
    hidden = folders.hidden(model, row.tolist())
    expected = {"mean": hidden.mean(0), "cls": hidden[0], "max": hidden.max(0), "last": hidden[-1]}[how]
    expected = expected / np.linalg.norm(expected) if normalize else expected
    executor = folders.opened(folder, pooling=how, normalize=normalize)
    np.testing.assert_allclose(right(executor, [{"tokens": row[np.newaxis]}])[0][0], expected, atol=1e-5)


def test_limits(folder: Path, tmp_path: Path) -> None:
    assert folders.opened(folder).about.limit == 64
    assert folders.opened(folder, max_tokens=20).about.limit == 20
    with pytest.raises(LoadError, match=r"^max_tokens 65 is more than the 64 that '.*' has positions for$"):
        folders.opened(folder, max_tokens=65)
    folders.save("bert", tmp_path)
    for said, limit in ((30, 30), (100, 64)):
        folders.edit(tmp_path / "sentence_bert_config.json", max_seq_length=said)
        assert folders.opened(tmp_path).about.limit == limit
        assert folders.opened(tmp_path, max_tokens=40).about.limit == 40


def test_the_plugin_loads_nothing_heavy() -> None:
    code = (
        "import sys, jackfield_plugins.encoding as plugin\n"
        "plugin.jackfield_backends()\n"
        "print({'torch', 'tokenizers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()"
