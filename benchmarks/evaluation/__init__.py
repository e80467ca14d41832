"""lm-eval over the OpenAI endpoint, against lm-eval over transformers: the same figures?

`questions.jsonl` and `task.yaml` are a small task of multiple choice that needs no download. `harness` runs lm-eval, in
an environment of its own (`requirements.txt`); `make evaluation` sets it up and runs `python -m benchmarks.evaluation`.
"""
