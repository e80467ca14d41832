"""The loader `huggingface`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from jackfield.errors import LoadError
from jackfield_plugins.generation.checkpoints.checkpoint import Checkpoint, Defaults
from jackfield_plugins.generation.checkpoints.dequantise import dequantised
from jackfield_plugins.generation.checkpoints.huggingface import HuggingFaceLoader, HuggingFaceOptions
from tests.plugins.generation import tiny

Change = Callable[[Path], None]
WINDOWS = {"use_sliding_window": True, "sliding_window": 8, "layer_types": ["sliding_attention"] * 3}


def load(folder: Path, **options: Any) -> Checkpoint:
    artifact = HuggingFaceLoader(HuggingFaceOptions.model_validate(options)).load(str(folder))
    assert (artifact.kind, artifact.signature) == ("decoder", None)
    assert isinstance(artifact.content, Checkpoint)
    return artifact.content


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny.save("qwen2", tmp_path / "m")
    return tmp_path / "m"


def edit(path: Path, **values: Any) -> None:
    """Set keys of a JSON object; None takes one out."""
    data = json.loads(path.read_text()) if path.is_file() else {}
    data = {key: value for key, value in (data | values).items() if value is not None}
    path.write_text(json.dumps(data))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shard", ["5GB", "30KB"])
def test_weights_are_the_checkpoints_own(tmp_path: Path, dtype: torch.dtype, shard: str) -> None:
    tiny.save("llama", tmp_path, dtype, shard)
    assert (tmp_path / "model.safetensors").is_file() is (shard == "5GB")
    spec = load(tmp_path).spec
    wanted = {name: value.float().numpy() for name, value in tiny.model("llama", dtype).state_dict().items()}
    layer = "model.layers.2."
    for weight, name in (
        (spec.embedding, "model.embed_tokens.weight"),
        (spec.head.weight, "lm_head.weight"),
        (spec.norm, "model.norm.weight"),
        (spec.layers[2].key.weight, f"{layer}self_attn.k_proj.weight"),
        (spec.layers[2].down.weight, f"{layer}mlp.down_proj.weight"),
        (spec.layers[2].feed_forward_norm, f"{layer}post_attention_layernorm.weight"),
    ):
        np.testing.assert_array_equal(dequantised(weight), wanted[name])
        assert weight.stored == {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"}[dtype]
        assert not weight.data.flags.writeable


def test_the_old_and_the_new_form_of_a_configuration(folder: Path) -> None:
    scaling = {"rope_type": "linear", "factor": 2.0}
    new = json.loads((folder / "config.json").read_text())
    edit(folder / "config.json", rope_parameters={**scaling, "rope_theta": 5000.0})
    wanted = load(folder).spec.rope.frequencies
    old = {**new, "rope_parameters": None, "rope_theta": 5000.0, "rope_scaling": {"type": "linear", "factor": 2.0}}
    edit(folder / "config.json", **old)
    np.testing.assert_array_equal(load(folder).spec.rope.frequencies, wanted)


def test_generation_defaults_templates_and_tokens(folder: Path) -> None:
    assert load(folder).defaults.stop == (1,)
    edit(
        folder / "generation_config.json",
        eos_token_id=[5, 1], do_sample=True, temperature=0.6, top_k=20, top_p=0.9, min_p=0.05, repetition_penalty=1.1,
    )  # fmt: skip
    template = {"name": "default", "template": "a"}, {"name": "tool_use", "template": "b"}
    edit(folder / "tokenizer_config.json", chat_template=list(template), bos_token={"content": "<s>"}, eos_token="</s>")
    checkpoint = load(folder)
    assert checkpoint.defaults == Defaults((5, 1), True, 0.6, 20, 0.9, 0.05, 1.1)
    assert checkpoint.templates.by_name == {"default": "a", "tool_use": "b"}
    assert checkpoint.templates.tokens == {"bos_token": "<s>", "eos_token": "</s>"}
    (folder / "chat_template.jinja").write_text("own file")
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "rag.jinja").write_text("rag")
    assert load(folder).templates.by_name == {"default": "own file", "tool_use": "b", "rag": "rag"}


def test_what_ends_a_text_is_looked_for_where_it_may_stand(folder: Path) -> None:
    (folder / "generation_config.json").unlink()
    assert load(folder).defaults.stop == (1,), "config.json says it too"
    edit(folder / "config.json", eos_token_id=None)
    assert load(folder).defaults.stop == ()
    edit(folder / "tokenizer_config.json", eos_token="</s>")
    assert load(folder).defaults.stop == (1,)


def config(**values: Any) -> Change:
    return lambda folder: edit(folder / "config.json", **values)


def generation(**values: Any) -> Change:
    return lambda folder: edit(folder / "generation_config.json", **values)


def weights(change: Callable[[dict[str, Any]], Any]) -> Change:
    def write(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors")

    return write


def text(name: str, content: str) -> Change:
    def write(folder: Path) -> None:
        (folder / name).write_text(content)

    return write


def scaled(**values: Any) -> Change:
    return config(rope_parameters={"rope_theta": 10000.0, **values})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            config(architectures=["T5Model"], model_type="t5"),
            "'m' is an encoder with a decoder (T5Model), and only decoders are run",
        ),
        (config(architectures=None), "'m/config.json' does not say 'architectures', a list of names"),
        (
            config(hidden_size="wide"),
            "'hidden_size' of 'm/config.json' is 'wide', and must be a whole number from 1 to",
        ),
        (
            config(num_hidden_layers=10**12),
            "'num_hidden_layers' of 'm/config.json' is 1000000000000, and must be a whole",
        ),
        (
            config(num_hidden_layers=4),
            "'m' holds no tensor 'model.layers.3.input_layernorm.weight', which its architecture",
        ),
        (config(num_hidden_layers=4, **WINDOWS), "'m/config.json' has 4 layers and names the kind of 3"),
        (
            config(**{**WINDOWS, "sliding_window": "x"}),
            "'sliding_window' of 'm/config.json' is 'x', and must be a number of",
        ),
        (config(**{**WINDOWS, "layer_types": 3}), "'layer_types' of 'm/config.json' is 3, and must be a list of kinds"),
        (config(hidden_act="gelu"), "'hidden_act' of 'm/config.json' is 'gelu', and must be 'silu'"),
        (
            config(intermediate_size=None),
            "'m/config.json' does not say 'intermediate_size', which its architecture needs",
        ),
        (config(rms_norm_eps=-1.0), "'rms_norm_eps' of 'm/config.json' is -1.0, and must be a number above 0"),
        (config(num_key_value_heads=4), "'m/config.json' has 6 heads and 4 of keys and values, which must divide it"),
        (
            config(quantization_config={"bits": 4}),
            "'quantization_config' of 'm/config.json' is {'bits': 4}, and must be absent",
        ),
        (
            scaled(rope_type="odd"),
            "'rope_parameters.rope_type' of 'm/config.json' is 'odd', and must be one of 'default'",
        ),
        (scaled(rope_type="linear"), "'m/config.json' does not say 'rope_parameters.factor', which"),
        (
            scaled(partial_rotary_factor=0.5),
            "'rope_parameters.partial_rotary_factor' of 'm/config.json' is 0.5, and must be 1",
        ),
        (config(rope_parameters=3), "'rope_parameters' of 'm/config.json' is 3, and must be an object"),
        (text("config.json", "{"), "'m/config.json' is not JSON: "),
        (text("config.json", "[" * 200_000), "'m/config.json' is "),
        (text("config.json", "[]"), "'m/config.json' holds a JSON value of type list, and must hold an object"),
        (text("tokenizer.json", "{}"), "'m/tokenizer.json' is not a tokenizer: "),
        (
            lambda folder: (folder / "tokenizer.json").unlink(),
            "'m' holds no tokenizer.json, without which no text can be read",
        ),
        (
            text("tokenizer_config.json", '{"chat_template": 3}'),
            "'chat_template' of 'm/tokenizer_config.json' must be a text",
        ),
        (
            generation(eos_token_id="x"),
            "'eos_token_id' of 'm/generation_config.json' is 'x', and must be a token or a list",
        ),
        (
            generation(top_p=1.5),
            "'top_p' of 'm/generation_config.json' is 1.5, and must be a number above 0, at most 1",
        ),
        (
            weights(lambda tensors: tensors.pop("model.layers.1.self_attn.v_proj.bias")),
            "'m' holds no tensor 'model.layers.1.self_attn.v_proj.bias', which its architecture needs",
        ),
        (
            weights(lambda tensors: tensors.update({"model.norm.weight": np.zeros(47, np.float32)})),
            "tensor 'model.norm.weight' of 'm' has the shape [47], and the configuration makes it [48]",
        ),
        (
            weights(lambda tensors: tensors.update({"model.layers.0.mlp.extra.weight": np.zeros(4, np.float32)})),
            "'m' holds a tensor 'model.layers.0.mlp.extra.weight', for which 'qwen2' has no place",
        ),
        (
            weights(lambda tensors: tensors.update({"model.norm.weight": np.zeros(48, np.int64)})),
            "tensor 'model.norm.weight' of 'm' is stored as I64, which nothing here can compute with: F32, F16",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(folder: Path, change: Change, sentence: str) -> None:
    change(folder)
    with pytest.raises(LoadError) as caught:
        load(folder)
    got = str(caught.value).replace(str(folder), "m")
    assert got.startswith(sentence), got
    assert "\n" not in got


def test_pickles_are_not_opened(folder: Path) -> None:
    torch.save({"weights": torch.zeros(2)}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(LoadError, match=r"must hold model.safetensors, .* or one .safetensors file, and holds none$"):
        load(folder)


def test_pinned_hashes(folder: Path) -> None:
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    load(folder, sha256={"model.safetensors": digest})
    with pytest.raises(LoadError, match=f"has sha256 {digest}, and the configuration pins {'0' * 64}$"):
        load(folder, sha256={"model.safetensors": "0" * 64})
    with pytest.raises(LoadError, match=r"^sha256 pins nothing for 'model.safetensors', which holds weights of"):
        load(folder, sha256={})


def test_a_source_that_is_no_folder(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(LoadError, match=r"^source '.*none' does not exist$"):
        load(tmp_path / "none")
    with pytest.raises(LoadError, match=r"^source '.*config.json' is not a folder$"):
        load(folder / "config.json")
