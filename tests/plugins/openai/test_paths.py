from __future__ import annotations

import pytest

from jackfield_plugins.openai.paths import Kind, Target, find


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v1/models", Target(Kind.MODELS)),
        ("/v1/models/a", Target(Kind.MODEL, "a")),
        ("/v1/models/owner/name", Target(Kind.MODEL, "owner/name")),
        ("/v1/chat/completions", Target(Kind.CHAT)),
        ("/v1/completions", Target(Kind.COMPLETIONS)),
        ("/v1/embeddings", Target(Kind.EMBEDDINGS)),
        ("/tokenize", Target(Kind.TOKENIZE)),
        ("/detokenize", Target(Kind.DETOKENIZE)),
        ("/v1", None),
        ("/v1/models/", None),
        ("/v1/models/" + "x" * 2000, None),
        ("/v1/chat", None),
        ("/tokenize/x", None),
    ],
)
def test_paths(path: str, target: Target | None) -> None:
    assert find(path) == target
