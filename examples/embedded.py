"""A server without any HTTP: python examples/embedded.py"""

from __future__ import annotations

import asyncio
from pathlib import Path

from jackfield import Server

MODELS = {
    "scale": {"source": f"{Path(__file__).parent}/models.py:Scale", "loader": {"name": "python", "init": {"factor": 3}}}
}


async def main() -> None:
    async with Server({"models": MODELS}) as server:
        rows = [[[float(n), 0, 0, 1]] for n in range(8)]
        answers = await asyncio.gather(*(server.infer("scale", {"x": row}) for row in rows))
        for row, answer in zip(rows, answers, strict=True):
            print(row[0], "->", answer.outputs["scaled"][0].tolist())


if __name__ == "__main__":
    asyncio.run(main())
