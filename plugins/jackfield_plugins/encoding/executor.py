"""Executor of text encoders."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jackfield import (
    Array,
    Capabilities,
    Datatype,
    Outcome,
    Response,
    Signature,
    Step,
    TensorExecutor,
    TensorSpec,
)
from jackfield.errors import JackfieldError
from jackfield_plugins.encoding.packing import Packed, packed
from jackfield_plugins.encoding.portrait import portrait
from jackfield_plugins.encoding.text_encoder import TextEncoder
from jackfield_plugins.encoding.texts import TEXT, TOKENS, texts_of

EMBEDDING = "embedding"


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """The texts of all works that can be run, and the error of each that cannot, by its place in the step."""

    step: Packed
    errors: dict[int, JackfieldError]


class EncoderExecutor(TensorExecutor):
    """Takes `text` or `tokens` and gives `embedding`: FP32 [texts, dimensions].

    Texts of any lengths share a step. They are tokenized in `prepare`, beside the step that runs. A request whose texts
    cannot be taken fails by itself: the others of its step are run without it, in the same step.
    """

    def __init__(self, encode: Callable[[Packed], Array], about: TextEncoder, vocabulary: int) -> None:
        inputs = (
            TensorSpec(TOKENS, Datatype.INT32, (-1, -1), batch_axis=0, optional=True, ragged=True),
            TensorSpec(TEXT, Datatype.BYTES, (-1,), batch_axis=0, optional=True),
        )
        output = TensorSpec(EMBEDDING, Datatype.FP32, (-1, about.dimensions), batch_axis=0)
        super().__init__(Signature(inputs, (output,)), Capabilities(mixed_shapes=True, padding=False))
        self.about: TextEncoder = about
        self._encode: Callable[[Packed], Array] | None = encode
        self._vocabulary = vocabulary

    def prepare(self, step: Step) -> _Prepared:  # type: ignore[override]  # the engine only hands it to `execute`
        """Tokenize, check and pack what the works bring."""
        texts: list[Array] = []
        errors: dict[int, JackfieldError] = {}
        for place, work in enumerate(step.work):
            try:
                texts += texts_of(work.request.inputs, self.about, self._vocabulary)
            except JackfieldError as error:
                errors[place] = error
        return _Prepared(packed(texts), errors)

    def execute(self, step: Step) -> Outcome:
        """Run the step; each work gets the embeddings of its texts, or its own error."""
        prepared: _Prepared = step.payload
        start = time.perf_counter()
        found = self._run(prepared.step)
        ran = time.perf_counter()
        results: list[Response | JackfieldError] = []
        taken = 0
        for place, work in enumerate(step.work):
            if place in prepared.errors:
                results.append(prepared.errors[place])
            else:
                results.append(Response({EMBEDDING: found[taken : taken + work.rows]}))
                taken += work.rows
        report = step.work[0].report
        if report is not None:
            report.execute += ran - start
            report.finish += time.perf_counter() - ran
        return Outcome(results)

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """The embeddings of joined `inputs`, for probing and warming up. Raises InvalidRequest as `texts_of` does."""
        rows = inputs.get(TOKENS)
        if rows is not None and rows.dtype == object:
            texts = [text for row in rows for text in texts_of({TOKENS: row[np.newaxis]}, self.about, self._vocabulary)]
        else:
            texts = texts_of(inputs, self.about, self._vocabulary)
        return {EMBEDDING: self._run(packed(texts))}

    def portrait(self) -> tuple[str, Any] | None:
        """What endpoints know of the model, for another process."""
        return portrait(self.about)

    def close(self) -> None:
        """Let go of the weights."""
        self._encode = None

    def _run(self, step: Packed) -> Array:
        assert self._encode is not None  # nothing runs after `close`
        return self._encode(step)
