"""Jackfield inside a FastAPI app, beside the app's own routes, middleware and lifespan.

    uvicorn examples.fastapi_app:app
    curl -s localhost:8000/ai/v2/models/scale/infer -d \
        '{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}'
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request, Response

from jackfield import create_app

inference = create_app({"models": {"scale": {"source": f"{Path(__file__).parent}/models.py:Scale"}}})


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.started = time.time()
    async with inference.lifespan():
        yield


app = FastAPI(lifespan=lifespan)
app.mount("/ai", inference)


@app.middleware("http")
async def stamp(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers["x-host-app"] = "yes"
    return response


@app.get("/double/{number}")
async def double(number: float) -> dict[str, float]:
    answer = await inference.server.infer("scale", {"x": [[number, 0, 0, 0]]})
    return {"double": float(answer.outputs["scaled"][0, 0])}
