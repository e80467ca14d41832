"""What transformers says in float32 of the same file, greedily, token by token with its own cache; kept in a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from jackfield import Array

BEST = 5
"""How many of the likeliest tokens are kept of each place."""


class Told(msgspec.Struct):
    """Of one prompt. `tokens`: the answer; `best`: for each of them the likeliest tokens there with the natural
    logarithms of their probabilities, the first is the one that was taken. `prompt`: that of each token of the prompt
    but the first, after those before it."""

    tokens: list[int]
    best: list[list[tuple[int, float]]]
    prompt: list[float]


def reference(path: Path, prompts: Sequence[Sequence[int]], count: int, folder: Path) -> list[Told]:
    """`count` tokens after each of `prompts`, by the GGUF file `path`; computed once, and kept in `folder`."""
    digest = hashlib.sha256(path.read_bytes())
    digest.update(json.dumps([list(map(list, prompts)), count, BEST]).encode())
    kept = folder / f"{digest.hexdigest()[:24]}.json"
    if kept.exists():
        return msgspec.json.decode(kept.read_bytes(), type=list[Told])
    made = _computed(path, prompts, count)
    folder.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(msgspec.json.encode(made))
    return made


def model_of(path: Path) -> Any:
    """The model of a GGUF file in transformers, float32, attention as it is written down."""
    import torch
    import transformers

    model: Any = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32
    )
    model.set_attn_implementation("eager")
    return model


def log_probabilities(logits: Any) -> Array:
    """Of a tensor [rows, vocabulary]: float64."""
    exact = logits.double().numpy()
    exact = exact - exact.max(-1, keepdims=True)
    result: Array = exact - np.log(np.exp(exact).sum(-1, keepdims=True))
    return result


def _computed(path: Path, prompts: Sequence[Sequence[int]], count: int) -> list[Told]:
    import torch

    model = model_of(path)
    made = []
    with torch.inference_mode():
        for number, prompt in enumerate(prompts):
            print(f"reference: prompt {number + 1} of {len(prompts)}, {len(prompt)} tokens", flush=True)
            out = model(torch.tensor([list(prompt)]), use_cache=True)
            rows = log_probabilities(out.logits[0])
            told = Told([], [], rows[np.arange(len(prompt) - 1), list(prompt[1:])].tolist())
            last = rows[-1]
            for _ in range(count):
                places = np.argsort(-last, kind="stable")[:BEST]
                told.best.append([(int(place), float(last[place])) for place in places])
                told.tokens.append(int(places[0]))
                if len(told.tokens) < count:
                    token = torch.tensor([[told.tokens[-1]]])
                    out = model(token, past_key_values=out.past_key_values, use_cache=True)
                    last = log_probabilities(out.logits[0])[-1]
            made.append(told)
    return made
