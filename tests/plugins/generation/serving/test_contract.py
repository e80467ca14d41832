"""All backends keep to the contract of backends of work of many steps, in every way of storing and computing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jackfield import Artifact, Backend, Request, Response
from jackfield.testing import ContinuingBackendContract
from jackfield_plugins.generation.checkpoints.huggingface import HuggingFaceLoader, HuggingFaceOptions
from jackfield_plugins.generation.serving.native import NativeBackend, NativeBackendOptions
from jackfield_plugins.generation.serving.torch_decoder import TorchDecoderBackend, TorchDecoderOptions
from jackfield_plugins.generation.serving.transformers import TransformersBackend, TransformersOptions
from tests.plugins.generation.serving.checkpoint import CONTEXT, artifact, request
from tests.plugins.generation.transformers_decoder import made

DRAW = np.random.default_rng(11)
SHARED = DRAW.integers(2, 300, 37).tolist()
PROMPTS = [
    DRAW.integers(2, 300, 1).tolist(),
    SHARED,
    [*SHARED, *DRAW.integers(2, 300, 20).tolist()],
    DRAW.integers(2, 300, 16).tolist(),
    DRAW.integers(2, 300, 33).tolist(),
]


class Decoding(ContinuingBackendContract):
    """What all of them are asked. Tokens with their likelihoods, which are compared to the last bit."""

    def artifact(self, folder: Path) -> Artifact:
        return artifact(folder, quantised=True)

    def requests(self) -> Sequence[Request]:
        asked: dict[str, Any] = {"ignore_eos": True, "logprobs": 3}
        greedy = [
            request(prompt, max_tokens=5 + number, temperature=0, **asked) for number, prompt in enumerate(PROMPTS)
        ]
        drawn = request(PROMPTS[3], max_tokens=9, seed=5, repetition_penalty=1.2, **asked)
        return [*greedy, drawn]

    def said(self, response: Response) -> list[Any]:
        pieces = response.parameters["pieces"]
        return [
            one for piece in pieces for one in zip(piece.tokens, piece.likelihoods, strict=True) if piece.index == 0
        ]

    def too_large(self) -> Request | None:
        return request([3] * CONTEXT, max_tokens=1)


class TestTorchDecoder(Decoding):
    def backend(self) -> Backend:
        return TorchDecoderBackend(TorchDecoderOptions(kv_cache_mib=1))


class TestTransformers(Decoding):
    """With a model that ours do not run, as small as can be."""

    def artifact(self, folder: Path) -> Artifact:
        if not (folder / "config.json").exists():
            config, name, options = made.SERVED["gpt2"]
            made.save(config, name, {**options, "n_embd": 16, "n_layer": 1, "n_head": 2}, folder)
        return HuggingFaceLoader(HuggingFaceOptions()).load(str(folder))

    @pytest.fixture(autouse=True)
    def threads(self) -> Iterator[None]:
        """Afterwards PyTorch has as many as before."""
        before = torch.get_num_threads()
        yield
        torch.set_num_threads(before)

    def backend(self) -> Backend:
        return TransformersBackend(TransformersOptions(kv_cache_mib=1, context=CONTEXT, threads=1))


class TestNative(Decoding):
    def backend(self) -> Backend:
        return NativeBackend(NativeBackendOptions(kv_cache_mib=1))


class TestNativeWithoutPrefixes(Decoding):
    def backend(self) -> Backend:
        return NativeBackend(NativeBackendOptions(kv_cache_mib=1, prefix_caching=False))


@pytest.mark.parametrize("cache", ["fp32", "half"])
@pytest.mark.parametrize(
    ("storage", "arithmetic"),
    [
        ("fp32", "float"),
        ("half", "float"),
        ("blocks", "float"),
        ("blocks", "integer"),
        ("int8", "float"),
        ("int8", "integer"),
    ],
)
def test_in_every_mode_the_bits_are_the_same(storage: Any, arithmetic: Any, cache: Any) -> None:
    class Mode(Decoding):
        def backend(self) -> Backend:
            options = NativeBackendOptions(kv_cache_mib=1, storage=storage, arithmetic=arithmetic, cache=cache)
            return NativeBackend(options)

    mode = Mode()
    mode.test_answers_differ_where_requests_do()
    mode.test_company_changes_no_answer()
    mode.test_pieces_change_no_answer()
    mode.test_preemption_changes_no_answer()
