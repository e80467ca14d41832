"""Runs lm-eval on the local task, in the environment that has it: python harness.py GGUF URL RESULTS

Imports nothing of the project. `RESULTS` becomes a JSON file: of `transformers` (float32, the same file dequantised)
and of `server` the metrics, and of each question the log-likelihood of each choice.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import lm_eval
import transformers
import yaml
from lm_eval.tasks import TaskManager

HERE = Path(__file__).parent
TASK = "jackfield_questions"


def task_in(folder: Path) -> TaskManager:
    """The task, with the place of its questions filled in."""
    about = yaml.safe_load((HERE / "task.yaml").read_text())
    about["dataset_kwargs"]["data_files"]["test"] = str(HERE / "questions.jsonl")
    (folder / "task.yaml").write_text(yaml.safe_dump(about))
    return TaskManager(include_path=str(folder), include_defaults=False)


def evaluated(model: str, arguments: dict[str, Any], tasks: TaskManager) -> dict[str, Any]:
    """What lm-eval finds."""
    found = lm_eval.simple_evaluate(model, model_args=arguments, tasks=[TASK], task_manager=tasks, num_fewshot=0)
    samples = sorted(found["samples"][TASK], key=lambda sample: sample["doc_id"])
    return {
        "metrics": {name: value for name, value in found["results"][TASK].items() if name.startswith("acc")},
        "likelihoods": [[float(choice[0]) for choice in sample["filtered_resps"]] for sample in samples],
        "greedy": [[bool(choice[1]) for choice in sample["filtered_resps"]] for sample in samples],
    }


def main(gguf: Path, url: str, results: Path) -> None:
    """Ask the server first, then transformers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tasks = task_in(folder)
        tokenizer = transformers.AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        tokenizer.save_pretrained(folder / "tokenizer")
        asked = {
            "model": "smollm2",
            "base_url": f"{url}/v1/completions",
            "tokenizer": str(folder / "tokenizer"),
            "tokenizer_backend": "huggingface",
            "num_concurrent": 8,
            "max_retries": 1,
            "max_length": 2048,
        }
        loaded = {"pretrained": str(gguf.parent), "gguf_file": gguf.name, "dtype": "float32", "device": "cpu"}
        found = {
            "server": evaluated("local-completions", asked, tasks),
            "transformers": evaluated("hf", loaded, tasks),
        }
    results.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
