"""The loader `gguf`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jackfield import Array
from jackfield.errors import LoadError
from jackfield_plugins.generation.checkpoints.checkpoint import Checkpoint, Defaults
from jackfield_plugins.generation.checkpoints.dequantise import dequantised
from jackfield_plugins.generation.checkpoints.gguf import GgufLoader, GgufOptions
from tests.plugins.generation import smollm2
from tests.plugins.generation.checkpoints import files

Arrays = dict[str, Array]


def load(path: Path, **options: Any) -> Checkpoint:
    artifact = GgufLoader(GgufOptions.model_validate(options)).load(str(path))
    assert (artifact.kind, artifact.source, artifact.signature) == ("decoder", str(path), None)
    assert isinstance(artifact.content, Checkpoint)
    return artifact.content


def refused(folder: Path, change: files.Change) -> str:
    path = files.write(folder / "m.gguf", change)
    with pytest.raises(LoadError) as caught:
        load(path)
    return str(caught.value).replace(str(path), "m.gguf")


def test_smollm2() -> None:
    checkpoint = load(smollm2.path())
    spec = checkpoint.spec
    numbers = (spec.hidden, spec.heads, spec.key_value_heads, spec.head_size, spec.feed_forward, len(spec.layers))
    assert numbers == (576, 9, 3, 64, 1536, 30)
    assert (spec.architecture, spec.vocabulary, spec.context, spec.rope.style) == ("llama", 49152, 8192, "pairs")
    assert spec.head.weight is spec.embedding
    assert (spec.embedding.stored, spec.layers[29].down.weight.stored) == ("Q8_0", "Q4_1")
    assert spec.layers[0].query.weight.data.base is not None, "it was copied out of the file"
    assert spec.rope.frequencies[:2].tolist() == [1.0, np.float32(100000.0 ** (-1 / 32))]
    assert checkpoint.defaults == Defaults(stop=(2,))
    assert set(checkpoint.templates.by_name) == {"default"}
    assert checkpoint.templates.tokens["eos_token"] == "<|im_end|>"
    assert list(checkpoint.seconds) == ["fetch", "weights", "tokenizer"]


def test_quantised_and_plain_tensors_and_a_head_of_its_own(tmp_path: Path) -> None:
    def change(about: dict[str, Any], arrays: Arrays) -> None:
        arrays["output.weight"] = arrays["token_embd.weight"][::-1].copy()

    stored = {"output.weight": "F16", "blk.0.attn_q.weight": "Q8_0", "blk.1.ffn_up.weight": "Q5_1"}
    spec = load(files.write(tmp_path / "m.gguf", change, stored)).spec
    assert spec.head.weight is not spec.embedding
    assert [spec.head.weight.stored, spec.layers[0].query.weight.stored, spec.layers[1].up.weight.stored] == list(
        stored.values()
    )
    np.testing.assert_array_equal(dequantised(spec.embedding), files.tensors()["token_embd.weight"])
    np.testing.assert_array_equal(
        dequantised(spec.head.weight), files.tensors()["token_embd.weight"][::-1].astype(np.float16).astype(np.float32)
    )


@pytest.mark.parametrize(
    ("architecture", "style", "biased", "normed"),
    [("llama", "pairs", False, False), ("qwen2", "halves", True, False), ("qwen3", "halves", False, True)],
)
def test_each_architecture(tmp_path: Path, architecture: str, style: str, biased: bool, normed: bool) -> None:
    def change(about: dict[str, Any], arrays: Arrays) -> None:
        for key in [key for key in about if key.startswith("llama.")]:
            about[key.replace("llama.", f"{architecture}.")] = about.pop(key)
        about["general.architecture"] = architecture
        for layer in range(2):
            if biased:
                sizes = {"attn_q": 64, "attn_k": 32, "attn_v": 32}
                arrays.update({f"blk.{layer}.{n}.bias": np.ones(s, np.float32) for n, s in sizes.items()})
            if normed:
                arrays.update({f"blk.{layer}.attn_{n}_norm.weight": np.ones(16, np.float32) for n in "qk"})

    spec = load(files.write(tmp_path / "m.gguf", change)).spec
    layer = spec.layers[1]
    assert (spec.architecture, spec.rope.style) == (architecture, style)
    assert [one.bias is not None for one in (layer.query, layer.key, layer.value, layer.output)] == [biased] * 3 + [
        False
    ]
    assert [one is not None for one in (layer.query_norm, layer.key_norm)] == [normed] * 2


def test_rotations_are_stretched_as_the_metadata_says(tmp_path: Path) -> None:
    plain = load(files.write(tmp_path / "plain.gguf")).spec.rope.frequencies

    def made(name: str, change: files.Change) -> Any:
        return load(files.write(tmp_path / f"{name}.gguf", change)).spec

    def linear(about: dict[str, Any], arrays: Arrays) -> None:
        about |= {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4.0}

    def yarn(about: dict[str, Any], arrays: Arrays) -> None:
        about |= {"llama.rope.scaling.type": "yarn", "llama.rope.scaling.factor": 4.0}
        about["llama.rope.scaling.original_context_length"] = 256

    def factors(about: dict[str, Any], arrays: Arrays) -> None:
        arrays["rope_freqs.weight"] = np.arange(1, 9, dtype=np.float32)

    np.testing.assert_allclose(made("linear", linear).rope.frequencies, plain / 4, rtol=1e-6)
    np.testing.assert_allclose(made("factors", factors).rope.frequencies, plain / np.arange(1, 9), rtol=1e-6)
    stretched = made("yarn", yarn)
    assert stretched.context == 1024
    assert stretched.rope.factor == pytest.approx(0.1 * np.log(4) + 1)
    assert stretched.rope.frequencies[0] == plain[0]
    assert stretched.rope.frequencies[-1] == pytest.approx(plain[-1] / 4)


def test_a_window_is_one_of_every_layer(tmp_path: Path) -> None:
    def change(about: dict[str, Any], arrays: Arrays) -> None:
        about["llama.attention.sliding_window"] = 100

    assert [layer.window for layer in load(files.write(tmp_path / "m.gguf", change)).spec.layers] == [100, 100]


def test_templates_and_every_token_that_ends_a_text(tmp_path: Path) -> None:
    def change(about: dict[str, Any], arrays: Arrays) -> None:
        about["tokenizer.ggml.eot_token_id"] = 7
        about["tokenizer.ggml.tokens"][9] = "<|eot_id|>"
        about["tokenizer.chat_template.tool_use"] = "tools"

    checkpoint = load(files.write(tmp_path / "m.gguf", change))
    assert checkpoint.defaults.stop == (1, 7, 9)
    assert set(checkpoint.templates.by_name) == {"default", "tool_use"}


def _without(name: str) -> files.Change:
    def change(about: dict[str, Any], arrays: Arrays) -> None:
        if name in arrays:
            del arrays[name]
        else:
            del about[name]

    return change


def _with(name: str, value: Any) -> files.Change:
    def change(about: dict[str, Any], arrays: Arrays) -> None:
        if isinstance(value, np.ndarray):
            arrays[name] = value
        else:
            about[name] = value

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            _without("blk.1.ffn_up.weight"),
            "'m.gguf' holds no tensor 'blk.1.ffn_up.weight', which its architecture needs",
        ),
        (
            _with("blk.0.attn_k.weight", np.zeros((64, 64), np.float32)),
            "tensor 'blk.0.attn_k.weight' of 'm.gguf' has the shape [64, 64], and the configuration makes it [32, 64]",
        ),
        (
            _with("blk.0.attn_x.weight", np.zeros(64, np.float32)),
            "'m.gguf' holds a tensor 'blk.0.attn_x.weight', for which 'llama' has no place",
        ),
        (
            _with("general.architecture", "gemma3"),
            "'m.gguf' is of the architecture 'gemma3', and only these are known in GGUF: 'llama', 'mistral', 'qwen2', "
            "'qwen3'",
        ),
        (_without("llama.block_count"), "'m.gguf' does not say 'llama.block_count', which its architecture needs"),
        (
            _with("llama.block_count", 0),
            "'llama.block_count' of 'm.gguf' is 0, and must be a whole number from 1 to 2147483647",
        ),
        (
            _with("llama.attention.head_count_kv", 3),
            "'m.gguf' has 4 heads and 3 of keys and values, which must divide it",
        ),
        (
            _with("llama.rope.dimension_count", 8),
            "'llama.rope.dimension_count' of 'm.gguf' is 8, and must be the size of a head, 16",
        ),
        (
            _with("llama.rope.scaling.type", "longrope"),
            "'llama.rope.scaling.type' of 'm.gguf' is 'longrope', and must be one of 'none', 'linear', 'yarn'",
        ),
        (
            _with("llama.expert_count", 8),
            "'llama.expert_count' of 'm.gguf' is 8, and must be absent: layers with experts are not run",
        ),
        (
            _with("tokenizer.chat_template", 5),
            "'tokenizer.chat_template' of 'm.gguf' is a value of type int, and must be a text",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, change: files.Change, sentence: str) -> None:
    assert refused(tmp_path, change) == sentence


def test_a_pinned_hash(tmp_path: Path) -> None:
    path = files.write(tmp_path / "m.gguf")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    load(path, sha256=digest)
    with pytest.raises(LoadError, match=rf"^'.*m\.gguf' has sha256 {digest}, and the configuration pins {'0' * 64}$"):
        load(path, sha256="0" * 64)


def test_a_source_that_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"^source '.*none\.gguf' does not exist$"):
        load(tmp_path / "none.gguf")
    (tmp_path / "folder.gguf").mkdir()
    with pytest.raises(LoadError, match=r"^source '.*folder\.gguf' is not a file$"):
        load(tmp_path / "folder.gguf")
