"""all-MiniLM-L6-v2 out of its package: opened by ours, and by transformers."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from jackfield import Array
from jackfield_plugins.demo import minilm
from jackfield_plugins.encoding.executor import EncoderExecutor
from tests.plugins.encoding import folders

FOLDER = minilm.folder()
WORDS = "the weather in Zürich 東京 is 12.5° today; naïve cafés don't close (at 9 p.m.) before ☃ snow falls on roofs "


@cache
def executor(**options: Any) -> EncoderExecutor:
    """Ours; texts may be as long as there are positions."""
    return folders.opened(FOLDER, max_tokens=512, **options)


@cache
def reference() -> Any:
    """Transformers' own."""
    from transformers import BertModel

    model: Any = BertModel.from_pretrained(FOLDER, attn_implementation="eager")
    return model.eval()


@cache
def tokenizer() -> Tokenizer:
    """The package's, without its truncation and padding."""
    made = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    made.no_truncation()
    made.no_padding()
    return made


def embedding(tokens: list[int] | Array) -> Array:
    """What sentence-transformers defines for the package: the mean of all tokens' rows, at unit length."""
    mean = folders.hidden(reference(), [int(token) for token in tokens]).astype(np.float64).mean(0)
    found: Array = (mean / np.linalg.norm(mean)).astype(np.float32)
    return found


def text(seed: int, words: int) -> str:
    """A text of so many words, in another order each time."""
    return " ".join(np.random.default_rng(seed).choice(WORDS.split(), words))
