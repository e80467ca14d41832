"""OpenVINO GenAI's continuous batching behind FastAPI: openvino_genai_server.py MODEL PORT SEQUENCES THREADS

One thread makes its steps. A step holds the interpreter, so after each the thread rests for a moment, in which tokens
go out; without it the event loop hardly gets a turn.
"""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import openvino
import openvino_genai
import uvicorn
from events import events
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from tokenizers import Tokenizer

_REST = 0.002  # shorter ones gave fewer tokens a second, longer ones too
Push = Callable[[list[int] | None], object]

path, port, sequences, threads = sys.argv[1], *map(int, sys.argv[2:])
scheduling = openvino_genai.SchedulerConfig()
scheduling.cache_size = 2  # GB
scheduling.max_num_seqs = sequences
scheduling.max_num_batched_tokens = 512
scheduling.enable_prefix_caching = True
pipeline = openvino_genai.ContinuousBatchingPipeline(path, scheduling, "CPU", {"INFERENCE_NUM_THREADS": threads})
tokenizer = Tokenizer.from_file(f"{path}/tokenizer.json")
asked: queue.SimpleQueue[tuple[list[int], int, Push]] = queue.SimpleQueue()
app = FastAPI()


def steps() -> None:
    """What the thread does."""
    running: dict[int, tuple[Any, Push]] = {}
    number = 0
    while True:
        while not running or not asked.empty():
            tokens, most, push = asked.get()
            settings = openvino_genai.GenerationConfig(max_new_tokens=most, do_sample=False, ignore_eos=True)
            prompt = openvino.Tensor(np.array([tokens], np.int64))
            running[number] = (pipeline.add_request(number, prompt, settings), push)
            number += 1
        pipeline.step()
        for key, (handle, push) in list(running.items()):
            part: list[int] = []
            while handle.can_read():
                for output in handle.read().values():
                    part += output.generated_ids
            if part:
                push(part)
            if handle.get_status() != openvino_genai.GenerationStatus.RUNNING:
                push(None)
                del running[key]
        time.sleep(_REST)


@app.post("/v1/completions")
async def completions(body: dict[str, Any]) -> StreamingResponse:
    """Streams, whatever is asked for."""
    tokens = tokenizer.encode(body["prompt"], add_special_tokens=False).ids
    loop, parts = asyncio.get_running_loop(), asyncio.Queue[list[int] | None]()
    asked.put((tokens, body["max_tokens"], lambda part: loop.call_soon_threadsafe(parts.put_nowait, part)))

    async def heard() -> AsyncIterator[list[int]]:
        while (part := await parts.get()) is not None:
            yield part

    return StreamingResponse(events(heard(), len(tokens), tokenizer.decode), media_type="text/event-stream")


threading.Thread(target=steps, daemon=True).start()
uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
