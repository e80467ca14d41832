"""How a folder says that texts are embedded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jackfield.errors import LoadError
from jackfield_plugins.encoding.sentences import Sentences, sentences_of
from jackfield_plugins.generation.checkpoints.folder import Folder
from jackfield_plugins.generation.checkpoints.phases import Phases
from tests.plugins.encoding import minilm

OLD, NEW = "sentence_transformers.models.", "sentence_transformers.base.modules."


def said(folder: Path) -> Sentences:
    return sentences_of(Folder(folder, "m", {}, None, Phases("m")))


def write(folder: Path, *kinds: str, pooling: dict[str, Any] | None = None, path: Any = "1_Pooling") -> None:
    """modules.json of modules of `kinds`, and the file that the second of them names."""
    modules = [{"idx": n, "path": path if n == 1 else "", "type": kind} for n, kind in enumerate(kinds)]
    (folder / "modules.json").write_text(json.dumps(modules))
    if pooling is not None:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


def test_minilm() -> None:
    assert said(minilm.FOLDER) == Sentences("mean", True, 256)


def test_a_folder_that_says_nothing(tmp_path: Path) -> None:
    assert said(tmp_path) == Sentences("mean", False, None)


@pytest.mark.parametrize(
    ("pooling", "how"),
    [
        ({}, "mean"),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_max_tokens": True}, "max"),
        ({"pooling_mode_lasttoken": True}, "last"),
        ({"pooling_mode": "lasttoken"}, "last"),
        ({"pooling_mode": ["cls"], "pooling_mode_mean_tokens": True}, "cls"),
    ],
)
def test_pooling(tmp_path: Path, pooling: dict[str, Any], how: str) -> None:
    write(tmp_path, f"{OLD}Transformer", f"{NEW}pooling.Pooling", pooling=pooling)
    assert said(tmp_path) == Sentences(how, False, None)  # type: ignore[arg-type]
    (tmp_path / "modules.json").unlink()
    assert said(tmp_path).pooling == how, "it is found without modules.json too"


def test_unit_length(tmp_path: Path) -> None:
    write(tmp_path, f"{NEW}Transformer", f"{OLD}Pooling", f"{NEW}normalize.Normalize", pooling={})
    assert said(tmp_path).normalize


@pytest.mark.parametrize(
    ("kinds", "more", "sentence"),
    [
        (
            ("Transformer", "Pooling", "Dense"),
            {},
            "'m/modules.json' names the modules Transformer, Pooling, Dense, and only a Transformer, a Pooling and a "
            "Normalize, in this order, can be computed here",
        ),
        (
            ("Transformer", "Normalize", "Pooling"),
            {},
            "'m/modules.json' names the modules Transformer, Normalize, Pool",
        ),
        (("Transformer", "Pooling", "Normalize", "Normalize"), {}, "'m/modules.json' names the modules Transformer, "),
        (
            ("Transformer", "Pooling"),
            {"path": "../other"},
            "'path' of 'm/modules.json' is '../other', and must be a folder in it",
        ),
        (("Transformer", "Pooling"), {"path": 3}, "'path' of 'm/modules.json' is 3, and must be a folder in it"),
        (
            ("Transformer", "Pooling"),
            {"pooling": {"pooling_mode": "weightedmean"}},
            "'m/1_Pooling/config.json' wants the pooling 'weightedmean', and must want one of 'mean', 'cls', 'max', "
            "'lasttoken'",
        ),
        (
            ("Transformer", "Pooling"),
            {"pooling": {"pooling_mode_cls_token": True, "pooling_mode_max_tokens": True}},
            "'m/1_Pooling/config.json' wants the pooling 'cls' and 'max', and must want one of",
        ),
    ],
)
def test_what_cannot_be_done_is_said(
    tmp_path: Path, kinds: tuple[str, ...], more: dict[str, Any], sentence: str
) -> None:
    write(tmp_path, *(OLD + kind for kind in kinds), **{"pooling": {}, **more})
    with pytest.raises(LoadError) as caught:
        said(tmp_path)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("limit", [0, -1, "long", True, 1.5])
def test_a_limit_that_is_none(tmp_path: Path, limit: Any) -> None:
    (tmp_path / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": limit}))
    with pytest.raises(
        LoadError, match=r"^'max_seq_length' of 'm/sentence_bert_config.json' is .*, and must be a whole"
    ):
        said(tmp_path)


@pytest.mark.parametrize("content", ["{}", "[3]", "[", "\xff"])
def test_documents_that_are_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "modules.json").write_text(content, encoding="latin-1")
    with pytest.raises(LoadError, match=r"^'m/modules.json' "):
        said(tmp_path)
