"""What a checkpoint says of how it wants to be sampled holds where a request says nothing."""

from __future__ import annotations

import json
from pathlib import Path

from jackfield import Server
from jackfield_plugins.generation.checkpoints.checkpoint import Defaults
from jackfield_plugins.generation.language import Language, default_parameters
from jackfield_plugins.generation.parameters import DEFAULTS, Parameters
from tests.core.lifecycle.fakes import in_loop
from tests.plugins.generation import tiny
from tests.plugins.generation.serving.checkpoint import request, tokens


def test_what_a_checkpoint_does_not_say_is_as_for_all() -> None:
    assert default_parameters(Defaults()) == DEFAULTS
    assert default_parameters(Defaults(sample=True)) == DEFAULTS


def test_each_that_it_says() -> None:
    said = Defaults(sample=True, temperature=0.6, top_k=20, top_p=0.95, min_p=0.05, repetition_penalty=1.1)
    expected = Parameters(temperature=0.6, top_k=20, top_p=0.95, min_p=0.05, repetition_penalty=1.1)
    assert default_parameters(said) == expected


def test_one_that_is_not_to_be_sampled_gets_the_likeliest() -> None:
    assert default_parameters(Defaults(sample=False)).temperature == 0
    assert default_parameters(Defaults(sample=False, temperature=0.7, top_p=0.9)) == Parameters(
        temperature=0.0, top_p=0.9
    )
    assert default_parameters(Defaults(temperature=0.0)).temperature == 0


@in_loop
async def test_requests_get_them_and_can_say_otherwise(tmp_path: Path) -> None:
    tiny.save("llama-tied", tmp_path)
    (tmp_path / "generation_config.json").write_text(
        json.dumps({"do_sample": True, "temperature": 1.7, "top_k": 1, "eos_token_id": [7, 8]})
    )
    model = {"source": str(tmp_path), "backend": {"name": "native", "kv_cache_mib": 8}}
    async with Server({"models": {"m": model}, "endpoints": {}, "observers": {}}) as server:
        about = server.model("m").version("").about
        assert isinstance(about, Language)
        assert about.defaults == Parameters(temperature=1.7, top_k=1)
        assert about.ends == (7, 8)
        asked = {"max_tokens": 20, "ignore_eos": True}
        prompt = [5, 77, 130]
        greedy = tokens(await server.submit(request(prompt, temperature=0, **asked)).future)
        for seed in (1, 2):  # sampled, out of the one likeliest
            assert tokens(await server.submit(request(prompt, seed=seed, **asked)).future) == greedy
        free = [tokens(await server.submit(request(prompt, seed=s, top_k=0, **asked)).future) for s in (1, 2)]
        assert free[0] != free[1]
