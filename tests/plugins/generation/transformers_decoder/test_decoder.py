"""Models of transformers over blocks, against transformers itself and against themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jackfield.errors import LoadError
from jackfield_plugins.generation.decoder import TokenRows
from jackfield_plugins.generation.torch_decoder.decoder import TorchDecoder
from jackfield_plugins.generation.transformers_decoder.decoder import TransformersDecoder
from jackfield_plugins.generation.transformers_decoder.opening import Opened
from tests.plugins.generation import tiny
from tests.plugins.generation.engine import Engine
from tests.plugins.generation.stepping import Stepping
from tests.plugins.generation.torch_decoder import test_decoder as torch_decoder
from tests.plugins.generation.transformers_decoder import made

Pair = tuple[Any, Opened]
PROMPT = [int(token) for token in np.random.default_rng(1).integers(2, tiny.VOCABULARY, 150)]
OTHER = [int(token) for token in np.random.default_rng(2).integers(2, tiny.VOCABULARY, 150)]


@pytest.fixture(scope="module", params=made.SERVED)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp(request.param)
    config, name, options = made.SERVED[request.param]
    return made.save(config, name, options, folder), made.opened(folder)


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("gpt2")
    config, name, options = made.SERVED["gpt2"]
    return made.save(config, name, options, folder), made.opened(folder)


def generated(model: Any, prompt: list[int], count: int) -> list[int]:
    """What transformers' own generate says, greedy."""
    asked = torch.tensor([prompt])
    config = {"max_new_tokens": count, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    found: list[int] = model.generate(asked, attention_mask=torch.ones_like(asked), **config)[0, len(prompt) :].tolist()
    return found


def test_log_probabilities_are_those_of_transformers(pair: Pair) -> None:
    model, opened = pair
    got = Stepping(TransformersDecoder(opened, 64), 2).whole(0, PROMPT)
    wanted = tiny.log_probabilities(tiny.logits(model, PROMPT))
    np.testing.assert_allclose(tiny.log_probabilities(got), wanted, atol=1e-4, rtol=0)
    assert (got.argmax(-1) == wanted.argmax(-1)).all()


def test_greedy_tokens_are_those_of_transformers_on_the_engine(pair: Pair) -> None:
    model, opened = pair
    prompts = [PROMPT[:45], OTHER[:3], OTHER[50:96]]
    wanted = [generated(model, prompt, 8) for prompt in prompts]
    for blocks, chunk, preempted in ((64, 11, False), (7, 64, True)):
        policy = {"max_prefill_tokens": chunk, "min_prefill_tokens": min(chunk, 16), "reserve": 0}
        engine = Engine(TransformersDecoder(opened, blocks), policy=policy)
        works = [engine.submit(prompt, max_tokens=8) for prompt in prompts]
        engine.drain()
        assert [engine.tokens(work) for work in works] == wanted
        assert (engine.policy.state()["preemptions"] > 0) == preempted
        if not preempted:  # once more, from the cache
            hits = engine.executor.pool.hits
            assert [engine.run(prompt, max_tokens=8) for prompt in prompts] == wanted
            assert engine.executor.pool.hits > hits


def test_a_row_has_the_same_bits_however_its_prompt_is_cut(pair: Pair) -> None:
    _, opened = pair
    decoder = TransformersDecoder(opened, 64)
    assert decoder.describe()["same bits in any company"].startswith("yes"), "nothing is promised on this machine"
    stepping = Stepping(decoder, 3)
    whole = stepping.whole(0, PROMPT)
    assert (stepping.cut(0, PROMPT[:30], [1]) == whole[:30]).all()
    for line, sizes in ((1, [7, 1, 40]), (2, [16, 33])):
        assert (stepping.cut(line, PROMPT, sizes) == whole).all(), f"in pieces of {sizes}"


def test_a_row_has_the_same_bits_in_company(pair: Pair) -> None:
    _, opened = pair
    stepping = Stepping(TransformersDecoder(opened, 64), 4)
    alone = stepping.whole(0, PROMPT)
    stepping.step([(1, 0, OTHER[:90]), (2, 0, PROMPT[:100]), (3, 0, OTHER[:3])])
    for at in range(100, 109):
        part = slice(at, at + 1 + at % 3)
        company = [(1, 90 + at - 100, OTHER[at - 10 : at - 9]), (2, at, PROMPT[part]), (3, 3 * (at - 99), OTHER[:3])]
        assert (stepping.step(company)[1] == alone[part]).all(), f"at {at}"


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen3"])
def test_what_both_decoders_run_they_agree_on(kind: str, tmp_path: Path) -> None:
    tiny.save(kind, tmp_path)
    ours = Stepping(TorchDecoder(torch_decoder.load(tmp_path).spec, 64), 2).whole(0, PROMPT)
    theirs = Stepping(TransformersDecoder(made.opened(tmp_path), 64), 2).whole(0, PROMPT)
    np.testing.assert_allclose(tiny.log_probabilities(theirs), tiny.log_probabilities(ours), atol=1e-4, rtol=0)


def test_only_wanted_rows_get_logits(gpt2: Pair) -> None:
    decoder = TransformersDecoder(gpt2[1], 64)
    stepping = Stepping(decoder, 2)
    whole = stepping.whole(0, PROMPT)
    tokens, positions = np.array(PROMPT, np.int32), np.arange(150, dtype=np.int32)
    for wanted in ([3, 127, 128, 149], [149], []):
        rows = TokenRows(tokens, positions, np.ones(150, np.int32), stepping.tables, np.array(wanted, np.int32))
        got = decoder.run(rows)
        assert got.shape == (len(wanted), tiny.VOCABULARY)
        assert (got == whole[wanted]).all()
    none = np.zeros(0, np.int32)
    assert decoder.run(TokenRows(none, none, none, stepping.tables, none)).shape == (0, tiny.VOCABULARY)


def test_copied_blocks_go_on_like_their_source(gpt2: Pair) -> None:
    decoder = TransformersDecoder(gpt2[1], 32)
    stepping = Stepping(decoder, 2)
    whole = stepping.whole(0, PROMPT)
    stepping.whole(1, OTHER)
    decoder.copy([(int(s), int(d)) for s, d in zip(stepping.tables[0], stepping.tables[1], strict=True)])
    (rows,) = stepping.step([(1, 149, PROMPT[149:])])
    assert (rows == whole[149:]).all()


def test_what_a_predecessor_left_in_a_block_reaches_nobody(gpt2: Pair) -> None:
    decoder = TransformersDecoder(gpt2[1], 16)
    stepping = Stepping(decoder, 1)
    clean = stepping.whole(0, PROMPT[:50])
    with torch.inference_mode():
        for pool in (*decoder._pool.keys, *decoder._pool.values):
            pool.fill_(torch.nan)
    assert (stepping.whole(0, PROMPT[:50]) == clean).all()


def test_a_half_cache_is_near_and_as_steady(gpt2: Pair) -> None:
    exact = Stepping(TransformersDecoder(gpt2[1], 64), 2).whole(0, PROMPT)
    stepping = Stepping(TransformersDecoder(gpt2[1], 64, cache="half"), 2)
    half = stepping.whole(0, PROMPT)
    assert (half != exact).any()
    np.testing.assert_allclose(tiny.log_probabilities(half), tiny.log_probabilities(exact), atol=0.1, rtol=0)
    assert (stepping.cut(1, PROMPT, [5, 19]) == half).all()


def test_datatypes(tmp_path: Path) -> None:
    config, name, options = made.SERVED["olmo2"]
    model = made.save(config, name, options, tmp_path, torch.bfloat16)
    wanted = tiny.log_probabilities(tiny.logits(model, PROMPT))
    exact = TransformersDecoder(made.opened(tmp_path, dtype="fp32"), 32)
    assert exact.describe()["arithmetic"] == "float32"
    got = tiny.log_probabilities(Stepping(exact, 2).whole(0, PROMPT))
    np.testing.assert_allclose(got, wanted, atol=1e-4, rtol=0)
    half = TransformersDecoder(made.opened(tmp_path), 32, cache="half")
    assert half.describe()["arithmetic"] == "bfloat16"
    got = tiny.log_probabilities(Stepping(half, 2).whole(0, PROMPT))
    assert np.sqrt(((got - wanted) ** 2).mean()) < 0.05 * wanted.std()


def test_a_pool_that_cannot_be_is_refused(gpt2: Pair) -> None:
    for blocks, size in ((0, 16), (4, 24)):
        with pytest.raises(LoadError, match=f"^a pool of {blocks} blocks of {size} positions: at least one, of a size"):
            TransformersDecoder(gpt2[1], blocks, size)
