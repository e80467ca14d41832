"""Encoders on a whole server: what an endpoint does that counts tokens before it asks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

import jackfield_plugins.batching
import jackfield_plugins.encoding
import jackfield_plugins.generation.checkpoints
from jackfield import Request
from jackfield.errors import InvalidRequest
from jackfield.testing import serving
from jackfield_plugins.encoding.text_encoder import TextEncoder
from tests.core.lifecycle.fakes import in_loop
from tests.plugins.encoding import folders
from tests.plugins.encoding.steps import right

PLUGINS = [jackfield_plugins.batching, jackfield_plugins.encoding, jackfield_plugins.generation.checkpoints]
TEXTS = ["one", "a longer text of many tokens", "", "22"]


@in_loop
async def test_an_endpoint_tokenizes_and_asks(tmp_path: Path) -> None:
    folders.save("bert", tmp_path)
    config = {"models": {"m": {"source": str(tmp_path), "batching": {"policy": "dynamic", "max_batch_size": 8}}}}
    async with serving(config, PLUGINS) as server:
        (version,) = server.versions
        about = version.about
        assert isinstance(about, TextEncoder)
        assert version.signature.ragged, "lengths share steps"
        tokens = await asyncio.to_thread(about.tokens, TEXTS)
        together = server.submit(Request("m", {"tokens": folders.filled(tokens)}))
        apart = [server.submit(Request("m", {"tokens": np.array([one], np.int32)})) for one in tokens]
        text = server.submit(Request("m", {"text": folders.texts(*TEXTS)}))
        wrong = server.submit(Request("m", {"tokens": np.array([[-1]], np.int32)}))
        found = [(await one.future).outputs["embedding"] for one in (together, text, *apart)]
        with pytest.raises(InvalidRequest, match="text 0 has 0 tokens"):
            await wrong.future
    (expected,) = right(folders.opened(tmp_path), [{"text": folders.texts(*TEXTS)}])
    for answer in (found[0], found[1], np.concatenate(found[2:])):
        np.testing.assert_array_equal(answer, expected)
