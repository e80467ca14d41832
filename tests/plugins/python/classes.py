"""Model classes as users write them, found by their source `tests.plugins.python.classes:Name`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from jackfield import Shape
from jackfield.errors import InvalidRequest

Rows = Annotated[NDArray[np.float32], Shape(-1, 4)]
Floats = NDArray[np.float32]


class Double:
    def predict(self, x: Rows) -> Rows:
        return x * np.float32(2)


class Scale:
    """Options, a life, and a count of what was called."""

    def __init__(self, factor: float, offset: float = 0.0) -> None:
        self.factor, self.offset = factor, offset
        self.calls: list[str] = []

    def load(self) -> None:
        self.calls.append("load")

    def predict(self, x: Rows) -> Floats:
        self.calls.append("predict")
        return x * self.factor + self.offset  # float64: cast for it

    def unload(self) -> None:
        self.calls.append("unload")


class Anything:
    def __init__(self, **options: Any) -> None:
        self.options = options

    def predict(self, x: Floats) -> Floats:
        return x


class Asynchronous:
    def __init__(self) -> None:
        self.calls: list[str] = []
        self.background: asyncio.Task[None] | None = None

    async def load(self) -> None:
        self.calls.append("load")
        self.loop = asyncio.get_running_loop()
        self.background = asyncio.create_task(self._forever())

    async def _forever(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.calls.append("cancelled")

    async def predict(self, x: Rows) -> Rows:
        assert asyncio.get_running_loop() is self.loop
        await asyncio.sleep(0)
        return x + np.float32(1)

    async def unload(self) -> None:
        self.calls.append("unload")


class Texts:
    def predict(self, texts: list[str], raw: list[bytes] | None = None) -> list[str]:
        assert all(isinstance(text, str) for text in texts)
        assert raw is None or all(isinstance(item, bytes) for item in raw)
        return [text.upper() for text in texts]


class Parsed(TypedDict):
    words: NDArray[np.int64]
    first: list[bytes]


class Dict:
    def predict(self, texts: list[bytes]) -> Parsed:
        split = [text.split() for text in texts]
        return {"words": np.array([len(s) for s in split]), "first": [s[0] for s in split]}


class Named(NamedTuple):
    low: Floats
    high: Floats


class Tuple:
    def predict(self, x: Rows) -> Named:
        return Named(x.min(1), x.max(1))


@dataclass
class Stats:
    mean: Floats
    spread: Floats


class Data:
    def predict(self, x: Rows) -> Stats:
        return Stats(x.mean(1), x.std(1))


class Optional:
    def predict(self, x: Rows, weight: Rows | None, bias: Annotated[Floats | None, Shape(-1)] = None) -> Rows:
        if weight is not None:
            x = x * weight
        return x if bias is None else x + bias[:, None]


class Untyped:
    def predict(self, x, k=None):  # type: ignore[no-untyped-def]
        return {"sum": x.sum(1), "same": x} if k is None else (x.sum(1) * k[:, 0], x)


class Whole:
    """One request at a time: the mean of all that it holds, and its shape."""

    def predict(self, x: Annotated[Floats, Shape(-1)]) -> Floats:
        return np.asarray(x.mean(), np.float32)


class Bits:
    def predict(self, x: Floats) -> Floats:
        import ml_dtypes

        return x.astype(ml_dtypes.bfloat16)


class Faulty:
    """Raises, or returns, what its first value says."""

    def predict(self, x: Floats) -> Floats:
        kind = int(x.flat[0])
        if kind == 1:
            raise ValueError("no such thing")
        if kind == 2:
            raise InvalidRequest("input 'x' must not be 2")
        wrong: list[Any] = [None, [[1.0], [1.0, 2.0]], x[:-1], "text", x.astype(complex)]
        return wrong[kind - 3] if kind > 2 else x


class Unhinted:
    def predict(self, x: Rows):  # type: ignore[no-untyped-def]
        return x


class NoPredict:
    pass


class NoInputs:
    def predict(self) -> Floats:
        return np.zeros(1, np.float32)


class Star:
    def predict(self, *x: Rows) -> Rows:
        return x[0]


class Number:
    def predict(self, x: int) -> Floats:
        return np.zeros(x, np.float32)


class HalfTyped(TypedDict):
    a: Floats
    b: int


class HalfDict:
    def predict(self, x: Rows) -> HalfTyped:
        return {"a": x, "b": 1}


class Loose:
    def predict(self, x: NDArray[Any]) -> Floats:
        return x


class Unresolved:
    def predict(self, x: Nowhere) -> Floats:  # type: ignore[name-defined]  # noqa: F821
        return x  # type: ignore[no-any-return]


class Yielding:
    def predict(self, x: Rows) -> Iterator[Rows]:
        yield x


class Fixed:
    def predict(self, x: Annotated[Floats, Shape(4)]) -> Floats:
        return x


class BadInit:
    def __init__(self) -> None:
        raise RuntimeError("no licence\nand more")

    def predict(self, x: Rows) -> Rows:
        return x


class BadLoad:
    async def load(self) -> None:
        raise OSError("disk")

    def predict(self, x: Rows) -> Rows:
        return x


class BadUnload:
    def predict(self, x: Rows) -> Rows:
        return x

    async def unload(self) -> None:
        raise RuntimeError("stuck")


class Hollow:
    """Returns what its annotation does not promise."""

    def predict(self, x: Rows) -> Parsed:
        return {"words": np.zeros(len(x), np.int64)}  # type: ignore[typeddict-item]


class Mixed:
    def predict(self, x: Floats) -> list[str]:
        return ["a", 1]  # type: ignore[list-item]


class Nothing:
    def predict(self, x: Floats) -> list[bytes]:
        return None  # type: ignore[return-value]


class Static:
    @staticmethod
    def predict(x: Rows) -> Rows:
        return x
