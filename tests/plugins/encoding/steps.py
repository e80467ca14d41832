"""Steps of an encoder's executor, as the engine would run them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jackfield import Array, Request, Response, Step, Work
from jackfield.errors import JackfieldError
from jackfield_plugins.encoding.executor import EncoderExecutor


def run(executor: EncoderExecutor, requests: Sequence[Mapping[str, Array]]) -> list[Array | JackfieldError]:
    """The embeddings, or the error, of each request; all in one step."""
    works = [_work(inputs) for inputs in requests]
    step = Step(works, sum(work.rows for work in works))
    step.payload = executor.prepare(step)
    answers: list[Array | JackfieldError] = []
    for result in executor.execute(step).results:
        assert result is not None
        answers.append(result.outputs["embedding"] if isinstance(result, Response) else result)
    return answers


def right(executor: EncoderExecutor, requests: Sequence[Mapping[str, Array]]) -> list[Array]:
    """As `run`, where nothing may fail."""
    found = []
    for answer in run(executor, requests):
        assert not isinstance(answer, JackfieldError), answer
        found.append(answer)
    return found


def _work(inputs: Mapping[str, Array]) -> Work:
    rows = len(next(iter(inputs.values()))) if inputs else 1
    return Work(Request("m", dict(inputs)), rows, 0, None, 0.0, None, lambda work, result: None)
