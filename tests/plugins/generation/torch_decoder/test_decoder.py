"""The decoder in PyTorch's operations, against transformers and against itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jackfield.errors import LoadError
from jackfield_plugins.generation.checkpoints.checkpoint import Checkpoint
from jackfield_plugins.generation.checkpoints.huggingface import HuggingFaceLoader, HuggingFaceOptions
from jackfield_plugins.generation.decoder import TokenRows
from jackfield_plugins.generation.torch_decoder.decoder import TorchDecoder
from tests.plugins.generation import tiny
from tests.plugins.generation.stepping import Stepping

Made = tuple[Any, Checkpoint]
PROMPT = [int(token) for token in np.random.default_rng(1).integers(0, tiny.VOCABULARY, 150)]
OTHER = [int(token) for token in np.random.default_rng(2).integers(0, tiny.VOCABULARY, 150)]


def load(folder: Path) -> Checkpoint:
    checkpoint = HuggingFaceLoader(HuggingFaceOptions()).load(str(folder)).content
    assert isinstance(checkpoint, Checkpoint)
    return checkpoint


@pytest.fixture(scope="module", params=tiny.KINDS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp(request.param)
    model = tiny.save(request.param, folder)
    return model, load(folder)


@pytest.fixture(scope="module")
def mistral(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    folder = tmp_path_factory.mktemp("mistral")
    tiny.save("mistral", folder)
    return load(folder)


def test_log_probabilities_are_those_of_transformers(made: Made) -> None:
    model, checkpoint = made
    got = Stepping(TorchDecoder(checkpoint.spec, 64), 2).whole(0, PROMPT)
    wanted = tiny.log_probabilities(tiny.logits(model, PROMPT))
    np.testing.assert_allclose(tiny.log_probabilities(got), wanted, atol=1e-4, rtol=0)
    assert (got.argmax(-1) == wanted.argmax(-1)).all()


def test_greedy_tokens_are_those_of_transformers(made: Made) -> None:
    model, checkpoint = made
    stepping = Stepping(TorchDecoder(checkpoint.spec, 64), 2)
    model.set_attn_implementation("eager")
    asked = torch.tensor([PROMPT[:60]])
    config = {"max_new_tokens": 24, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    wanted = model.generate(asked, attention_mask=torch.ones_like(asked), **config)[0, 60:].tolist()
    tokens = [int(stepping.whole(1, PROMPT[:60])[-1].argmax())]
    while len(tokens) < 24:
        (rows,) = stepping.step([(1, 59 + len(tokens), tokens[-1:])])
        tokens.append(int(rows[0].argmax()))
    assert tokens == wanted


def test_a_row_has_the_same_bits_however_its_prompt_is_cut(made: Made) -> None:
    _, checkpoint = made
    decoder = TorchDecoder(checkpoint.spec, 64)
    assert decoder.describe()["same bits in any company"].startswith("yes"), "nothing is promised on this machine"
    stepping = Stepping(decoder, 3)
    whole = stepping.whole(0, PROMPT)
    for line, sizes in enumerate(([1], [7, 1, 40], [16, 33])):
        assert (stepping.cut(line, PROMPT, sizes) == whole).all(), f"in pieces of {sizes}"


def test_a_row_has_the_same_bits_in_company(made: Made) -> None:
    _, checkpoint = made
    stepping = Stepping(TorchDecoder(checkpoint.spec, 64), 4)
    alone = stepping.whole(0, PROMPT)
    stepping.step([(1, 0, OTHER[:90]), (2, 0, PROMPT[:100]), (3, 0, OTHER[:3])])
    for at in range(100, 140):
        part = slice(at, at + 1 + at % 3)
        company = [(1, 90 + at - 100, OTHER[at - 10 : at - 9]), (2, at, PROMPT[part]), (3, 3 * (at - 99), OTHER[:3])]
        assert (stepping.step(company)[1] == alone[part]).all(), f"at {at}"


def test_what_a_predecessor_left_in_a_block_reaches_nobody(mistral: Checkpoint) -> None:
    decoder = TorchDecoder(mistral.spec, 16)
    stepping = Stepping(decoder, 1)
    clean = stepping.whole(0, PROMPT[:50])
    with torch.inference_mode():
        for pool in (*decoder._pool.keys, *decoder._pool.values):
            pool.fill_(torch.nan)
    assert (stepping.whole(0, PROMPT[:50]) == clean).all()


def test_copied_blocks_go_on_like_their_source(mistral: Checkpoint) -> None:
    decoder = TorchDecoder(mistral.spec, 32)
    stepping = Stepping(decoder, 2)
    whole = stepping.whole(0, PROMPT)
    stepping.whole(1, OTHER)
    decoder.copy([(int(s), int(d)) for s, d in zip(stepping.tables[0], stepping.tables[1], strict=True)])
    (rows,) = stepping.step([(1, 149, PROMPT[149:])])
    assert (rows == whole[149:]).all()


def test_only_wanted_rows_get_logits(mistral: Checkpoint) -> None:
    decoder = TorchDecoder(mistral.spec, 32)
    stepping = Stepping(decoder, 2)
    whole = stepping.whole(0, PROMPT[:20])
    tokens, positions = np.array(PROMPT[:20], np.int32), np.arange(20, dtype=np.int32)
    for wanted in ([3, 19], []):
        rows = TokenRows(tokens, positions, np.ones(20, np.int32), stepping.tables, np.array(wanted, np.int32))
        got = decoder.run(rows)
        assert got.shape == (len(wanted), tiny.VOCABULARY)
        assert (got == whole[wanted]).all()


def test_a_step_without_rows_does_nothing(mistral: Checkpoint) -> None:
    decoder = TorchDecoder(mistral.spec, 8)
    none = np.zeros(0, np.int32)
    assert decoder.run(TokenRows(none, none, none, np.zeros((0, 4), np.int32), none)).shape == (0, tiny.VOCABULARY)


@pytest.mark.parametrize(("kind", "dtype"), [("qwen2", torch.bfloat16), ("llama", torch.float16)])
def test_a_half_checkpoint_is_kept_as_it_is(tmp_path: Path, kind: str, dtype: torch.dtype) -> None:
    model = tiny.save(kind, tmp_path, dtype)  # widened to float32 again: the numbers are the checkpoint's
    checkpoint = load(tmp_path)
    wanted = tiny.log_probabilities(tiny.logits(model, PROMPT[:70]))
    decoders = {storage: TorchDecoder(checkpoint.spec, 16, storage=storage) for storage in ("auto", "fp32", "half")}
    assert decoders["auto"].describe()["weights"] == str(dtype).removeprefix("torch.")
    assert decoders["fp32"].describe()["weights"] == "float32"
    got = {storage: Stepping(decoder, 1).whole(0, PROMPT[:70]) for storage, decoder in decoders.items()}
    np.testing.assert_allclose(tiny.log_probabilities(got["auto"]), wanted, atol=1e-4, rtol=0)
    assert (got["auto"] == got["fp32"]).all()
    assert (got["auto"] == got["half"]).all()


def test_weights_beyond_float16_are_refused_in_half(tmp_path: Path) -> None:
    model = tiny.model("llama")
    model.model.layers[1].mlp.up_proj.weight.data[3, 5] = 1e6
    model.save_pretrained(tmp_path)
    tiny.tokenizer().save(str(tmp_path / "tokenizer.json"))
    spec = load(tmp_path).spec
    with pytest.raises(LoadError, match=r"^tensor 'model.layers.1.mlp.up_proj.weight' holds numbers beyond the range"):
        TorchDecoder(spec, 8, storage="half")
    TorchDecoder(spec, 8)


def test_a_half_cache_is_near_and_as_steady(mistral: Checkpoint) -> None:
    exact = Stepping(TorchDecoder(mistral.spec, 64), 2).whole(0, PROMPT)
    stepping = Stepping(TorchDecoder(mistral.spec, 64, cache="half"), 2)
    half = stepping.whole(0, PROMPT)
    assert (half != exact).any()
    np.testing.assert_allclose(tiny.log_probabilities(half), tiny.log_probabilities(exact), atol=0.1, rtol=0)
    assert (stepping.cut(1, PROMPT, [5, 19]) == half).all()


def test_a_pool_that_cannot_be_is_refused(mistral: Checkpoint) -> None:
    for blocks, size in ((0, 16), (4, 24)):
        with pytest.raises(LoadError, match=f"^a pool of {blocks} blocks of {size} positions: at least one, of a size"):
            TorchDecoder(mistral.spec, blocks, size)
