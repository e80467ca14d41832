"""FastAPI around transformers' generate as one writes it first, one request after the other, in fp32:
naive_generate.py MODEL PORT THREADS"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

import torch
import uvicorn
from events import events
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM
from transformers.generation.streamers import BaseStreamer

path, port, threads = sys.argv[1], *map(int, sys.argv[2:])
torch.set_num_threads(threads)
model: Any = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
model.eval()
tokenizer = Tokenizer.from_file(f"{path}/tokenizer.json")
turn = threading.Lock()
app = FastAPI()


class Parts(BaseStreamer):
    """What generate tells its tokens to: first the prompt, which is not for the client, then each token."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._prompt = loop, True
        self.queue = asyncio.Queue[list[int] | None]()

    def put(self, value: torch.Tensor) -> None:
        """Called in the thread that computes."""
        if not self._prompt:
            self._loop.call_soon_threadsafe(self.queue.put_nowait, value.flatten().tolist())
        self._prompt = False

    def end(self) -> None:
        """Called once, last."""
        self._loop.call_soon_threadsafe(self.queue.put_nowait, None)


@app.post("/v1/completions")
async def completions(body: dict[str, Any]) -> StreamingResponse:
    """Streams, whatever is asked for."""
    tokens = tokenizer.encode(body["prompt"], add_special_tokens=False).ids
    parts = Parts(asyncio.get_running_loop())

    def generate() -> None:
        prompt = torch.tensor([tokens])
        with turn, torch.inference_mode():
            model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                max_new_tokens=body["max_tokens"],
                do_sample=False,
                eos_token_id=None,
                pad_token_id=0,
                streamer=parts,
            )

    async def heard() -> AsyncIterator[list[int]]:
        while (part := await parts.queue.get()) is not None:
            yield part

    threading.Thread(target=generate, daemon=True).start()
    return StreamingResponse(events(heard(), len(tokens), tokenizer.decode), media_type="text/event-stream")


uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
