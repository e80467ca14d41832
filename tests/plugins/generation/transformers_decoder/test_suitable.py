"""A model gives transformers' own tokens or is refused; here, what is refused, and what is read of a configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jackfield.errors import LoadError
from tests.plugins.generation.transformers_decoder import made


@pytest.mark.parametrize("kind", made.REFUSED)
def test_what_cannot_be_given_is_named(kind: str, tmp_path: Path) -> None:
    config, name, options, sentence = made.REFUSED[kind]
    sized = options if kind == "rwkv" else {"vocab_size": 320, **options}
    made.save(config, name, sized, tmp_path)
    with pytest.raises(LoadError, match=sentence) as found:
        made.opened(tmp_path)
    assert str(found.value).startswith("'m' ")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model_type": "mine", "auto_map": {"AutoModelForCausalLM": "mine.Mine"}},
         r"^'m' is of the architecture 'GPT2LMHeadModel', which neither jackfield nor transformers [\d.]+ knows"),
        ({"model_type": 3}, "^'m' is of the architecture"),
        ({"quantization_config": {"quant_method": "gptq"}}, "^'m' has quantised weights, which are read from GGUF"),
        ({"n_positions": 0}, "^'max_position_embeddings' of 'm/config.json' is 0, and must be"),
        ({"n_head": "six"}, "^transformers cannot read 'm/config.json': "),
        ({"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"]},
         r"^'m' reads more than text \(Gemma3ForConditionalGeneration\), and only decoders of text are run"),
    ],
)  # fmt: skip
def test_a_configuration_is_not_believed(changes: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    config, name, options = made.SERVED["gpt2"]
    made.save(config, name, options, tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    (tmp_path / "mine.py").write_text("raise SystemExit('code of a checkpoint was run')")
    with pytest.raises(LoadError, match=sentence):
        made.about(tmp_path)


def test_an_adapter_is_refused(tmp_path: Path) -> None:
    config, name, options = made.SERVED["gpt2"]
    made.save(config, name, options, tmp_path)
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "somebody/else"}')
    with pytest.raises(LoadError, match=r"^'m' holds an adapter to another model"):
        made.about(tmp_path)


@pytest.mark.parametrize(("kind", "context"), [("gpt2", 512), ("neox", 512), ("longrope", 200)])
def test_vocabulary_and_context(kind: str, context: int, tmp_path: Path) -> None:
    config, name, options = made.SERVED[kind]
    made.save(config, name, options, tmp_path)
    found = made.about(tmp_path)
    assert (found.name, found.vocabulary, found.context) == (name, 320, context)
