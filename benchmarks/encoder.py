"""Encoding texts of mixed lengths, packed against padded, in one process: python -m benchmarks.encoder

all-MiniLM-L6-v2, the same sentences for all: ours packed; ours with each row as long as the longest of its batch, which
is what padding costs; transformers and ONNX Runtime, padded to the longest. All take turns, and what counts is the
ratio to ours within a round. Then texts of 32 tokens, one at a time and 32 at a time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.machine import described
from benchmarks.overload import minilm_model
from jackfield import Array
from jackfield_plugins.demo import minilm
from jackfield_plugins.encoding.checkpoint import EncoderCheckpoint
from jackfield_plugins.encoding.packing import packed
from jackfield_plugins.encoding.torch_encoder.encoder import TorchEncoder
from jackfield_plugins.generation.checkpoints.huggingface import HuggingFaceLoader, HuggingFaceOptions

Run = Callable[[Sequence[Array]], Any]


def ways(threads: int) -> dict[str, Run]:
    """What is compared, by name; each takes a batch of texts as tokens."""
    import onnxruntime
    from transformers import BertModel

    torch.set_num_threads(threads)
    artifact = HuggingFaceLoader(HuggingFaceOptions()).load(str(minilm.folder()))
    checkpoint: EncoderCheckpoint = artifact.content
    ours = TorchEncoder(checkpoint.spec, "mean", True)
    theirs: Any = BertModel.from_pretrained(minilm.folder())
    theirs.eval()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(minilm_model()["source"], options, providers=["CPUExecutionProvider"])

    def transformers_padded(batch: Sequence[Array]) -> Array:
        ids, mask = padded(batch)
        with torch.inference_mode():
            rows = theirs(torch.from_numpy(ids), torch.from_numpy(mask)).last_hidden_state.numpy()
        weight = mask[..., None].astype(np.float32)
        mean = (rows * weight).sum(1) / weight.sum(1)
        found: Array = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return found

    def onnx_padded(batch: Sequence[Array]) -> Any:
        ids, mask = padded(batch)
        return session.run(None, {"input_ids": ids, "attention_mask": mask})[0]

    def lengthened(batch: Sequence[Array]) -> Array:
        longest = max(len(text) for text in batch)
        return ours(packed([np.resize(text, longest) for text in batch]))

    return {
        "packed": lambda batch: ours(packed(batch)),
        "as long as the longest": lengthened,
        "transformers, padded": transformers_padded,
        "ONNX Runtime, padded": onnx_padded,
    }


def padded(batch: Sequence[Array]) -> tuple[Array, Array]:
    """Tokens and mask, int64 [texts, longest]."""
    ids = np.zeros((len(batch), max(len(text) for text in batch)), np.int64)
    mask = np.zeros_like(ids)
    for row, text in enumerate(batch):
        ids[row, : len(text)], mask[row, : len(text)] = text, 1
    return ids, mask


def rate(run: Run, texts: Sequence[Array], size: int) -> float:
    """Texts a second, in batches of `size`, in the order in which they come."""
    start = time.perf_counter()
    for at in range(0, len(texts), size):
        run(texts[at : at + size])
    return len(texts) / (time.perf_counter() - start)


def compare(all_: dict[str, Run], texts: Sequence[Array], size: int, rounds: int) -> None:
    """Print each way's median rate, and its ratio to the first within a round."""
    for run in all_.values():
        run(texts[:size])
    rates: dict[str, list[float]] = {name: [] for name in all_}
    for _ in range(rounds):
        for name, run in all_.items():
            rates[name].append(rate(run, texts, size))
    first = next(iter(rates.values()))
    for name, own in rates.items():
        ratios = [a / b for a, b in zip(first, own, strict=True)]
        print(
            f"  {size:3} at a time  {name:24} {statistics.median(own):7.1f} texts/s   packed is "
            f"{statistics.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--texts", type=int, default=128)
    parser.add_argument("--lengths", type=int, nargs=2, default=(8, 128), help="shortest and longest, in tokens")
    parser.add_argument("--sizes", type=int, nargs="+", default=(1, 8, 16, 32, 64), help="texts at a time")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    print(described("torch", "onnxruntime", "transformers"))
    random = np.random.default_rng(0)
    short, long = arguments.lengths
    lengths = random.integers(short, long + 1, arguments.texts)
    mixed = [random.integers(1000, 30_000, int(length)) for length in lengths]
    equal = [random.integers(1000, 30_000, 32) for _ in range(arguments.texts)]
    all_ = ways(arguments.threads)
    answers = [run(mixed[:8]) for name, run in all_.items() if name != "as long as the longest"]
    apart = max(float(np.abs(answers[0] - answer).max()) for answer in answers[1:])
    print(f"largest difference between answers: {apart:.1e}")
    print(f"{arguments.texts} texts of {short} to {long} tokens, equally likely")
    for size in arguments.sizes:
        compare(all_, mixed, size, arguments.rounds)
    print(f"{arguments.texts} texts of 32 tokens")
    for size in (1, 32):
        compare({name: all_[name] for name in all_ if name != "as long as the longest"}, equal, size, arguments.rounds)


if __name__ == "__main__":
    main()
