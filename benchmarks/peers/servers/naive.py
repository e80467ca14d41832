"""FastAPI as one writes it first: a pydantic model of the request, and one run of the session a request."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastapi import FastAPI
from pydantic import create_model
from session import Model

app = FastAPI()
model = Model()
_fields: dict[str, Any] = {
    name: (list[list[int]] if dtype is np.int64 else list[list[float]], ...) for name, dtype in model.inputs.items()
}
Rows: Any = create_model("Rows", **_fields)


def predict(rows: Any) -> Any:
    """Runs in a thread of Starlette's pool, since it is no coroutine."""
    arrays = {name: np.array(getattr(rows, name), dtype) for name, dtype in model.inputs.items()}
    return {model.output: model.run(arrays).tolist()}


predict.__annotations__["rows"] = Rows
app.post("/")(predict)
