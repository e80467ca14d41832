"""Running Python models, in company and alone; and the backend that makes them."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from jackfield import Array, Artifact, Datatype, Device
from jackfield.errors import ExecutionFailed, InvalidRequest, LoadError
from jackfield_plugins.python.backend import PythonBackend
from jackfield_plugins.python.executor import PythonExecutor
from jackfield_plugins.python.loader import PythonLoader, PythonLoaderOptions
from tests.plugins.stepping import Arrays, alone, assert_batching_changes_nothing, together

RANDOM = np.random.default_rng(1)
CPU = Device("cpu", "cpu")


def artifact_of(name: str, **options: object) -> Artifact:
    loader = PythonLoader(PythonLoaderOptions.model_validate(options))
    return loader.load(f"tests.plugins.python.classes:{name}")


def executor_of(name: str, **options: object) -> PythonExecutor:
    executor = PythonBackend(PythonBackend.options()).open(artifact_of(name, **options), CPU)
    assert isinstance(executor, PythonExecutor)
    return executor


def floats(*shape: int) -> Array:
    return RANDOM.normal(size=shape).astype(np.float32)


def texts(*items: str | bytes) -> Array:
    raw = np.empty(len(items), object)
    raw[:] = [item.encode() if isinstance(item, str) else item for item in items]
    return raw


def test_the_processor_is_the_device() -> None:
    (cpu,) = PythonBackend.devices()
    assert (cpu.name, cpu.kind) == ("cpu", "cpu")
    assert cpu.description


@pytest.mark.parametrize("name", ["Double", "Tuple", "Data", "Optional"])
def test_batching_changes_nothing(name: str) -> None:
    executor = executor_of(name)
    assert_batching_changes_nothing(executor, {"x": floats(1, 4)}, {"x": floats(3, 4)})
    assert executor.capabilities.max_rows is None


def test_a_model_has_options_and_a_life() -> None:
    executor = executor_of("Scale", init={"factor": 2, "offset": 1})
    model = executor._instance
    x = floats(2, 4)
    got = alone(executor, {"x": x})["output"]
    np.testing.assert_allclose(got, x * 2 + 1, rtol=1e-6)
    assert got.dtype == np.float32  # from float64
    executor.close()
    assert model.calls == ["load", "predict", "unload"]


def test_async_models_have_an_event_loop_of_their_own() -> None:
    executor = executor_of("Asynchronous")
    model = executor._instance
    assert_batching_changes_nothing(executor, {"x": floats(1, 4)}, {"x": floats(2, 4)})
    executor.close()
    assert model.calls == ["load", "unload", "cancelled"]
    assert model.loop.is_closed()


def test_the_event_loop_follows_from_thread_to_thread() -> None:
    executor = executor_of("Asynchronous")
    failed: list[BaseException] = []

    def work() -> None:
        try:
            alone(executor, {"x": floats(1, 4)})
        except BaseException as error:
            failed.append(error)

    for _ in range(2):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    executor.close()
    assert failed == []


def test_texts_are_lists_of_str() -> None:
    executor = executor_of("Texts")
    one, two = together(executor, {"texts": texts("a", "ü")}, {"texts": texts("")})
    assert one["output"].tolist() == [b"A", "Ü".encode()]
    assert two["output"].tolist() == [b""]
    assert one["output"].dtype == object
    both: Arrays = {"texts": texts("a"), "raw": texts(b"\xff")}
    assert alone(executor, both)["output"].tolist() == [b"A"]


def test_text_that_is_not_utf8_is_the_requests_fault() -> None:
    with pytest.raises(InvalidRequest, match=r"^input 'texts': element 1 is not UTF-8 text \(.* at byte 0\)$"):
        alone(executor_of("Texts"), {"texts": texts("fine", b"\xff")})


def test_a_typed_dict_is_taken_by_key() -> None:
    executor = executor_of("Dict")
    assert_batching_changes_nothing(executor, {"texts": texts("a b")}, {"texts": texts("c", "d e f")})
    got = alone(executor, {"texts": texts("c", "d e f")})
    assert got["words"].tolist() == [1, 3]
    assert got["first"].tolist() == [b"c", b"d"]
    assert alone(executor, {"texts": texts("a")}, ["first"]).keys() == {"first"}


def test_optional_inputs_are_none_or_the_default() -> None:
    executor = executor_of("Optional")
    x, weight = floats(2, 4), floats(2, 4)
    np.testing.assert_array_equal(alone(executor, {"x": x})["output"], x)
    np.testing.assert_array_equal(alone(executor, {"x": x, "weight": weight})["output"], x * weight)
    bias = floats(2)
    np.testing.assert_array_equal(alone(executor, {"x": x, "bias": bias})["output"], x + bias[:, None])


def test_one_request_at_a_time_gets_its_arrays_as_they_were_sent() -> None:
    executor = executor_of("Whole", batch=False)
    assert executor.capabilities.max_rows == 1
    got = alone(executor, {"x": np.array([1, 3], np.float32)})["output"]
    assert got.shape == ()
    assert got == 2


def test_a_declared_model_returns_a_dict_a_tuple_or_one_array() -> None:
    inputs = [{"name": "x", "datatype": "FP32"}, {"name": "k", "datatype": "FP32"}]
    outputs = [{"name": "sum", "datatype": "FP32"}, {"name": "same", "datatype": "FP32"}]
    executor = executor_of("Untyped", inputs=inputs, outputs=outputs)
    x = floats(2, 3)
    np.testing.assert_allclose(alone(executor, {"x": x})["sum"], x.sum(1))
    np.testing.assert_allclose(alone(executor, {"x": x, "k": np.full((2, 1), 2, np.float32)})["sum"], x.sum(1) * 2)
    single = executor_of("Unhinted", outputs=[{"name": "y", "datatype": "FP32"}])
    x = floats(1, 4)
    np.testing.assert_array_equal(alone(single, {"x": x})["y"], x)


def test_bfloat16_is_returned_as_its_bits() -> None:
    executor = executor_of("Bits", outputs=[{"name": "output", "datatype": "BF16"}])
    assert executor.signature.outputs[0].datatype is Datatype.BF16
    assert alone(executor, {"x": np.ones((1, 2), np.float32)})["output"].tolist() == [[0x3F80, 0x3F80]]


def run_faulty(kind: int) -> Any:
    return alone(executor_of("Faulty"), {"x": np.array([[kind], [0]], np.float32)})["output"]


def test_what_the_model_raises_passes() -> None:
    with pytest.raises(ValueError, match=r"^no such thing$"):
        run_faulty(1)
    with pytest.raises(InvalidRequest, match=r"^input 'x' must not be 2$"):
        run_faulty(2)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (3, r"^the model returned None for output 'output'$"),
        (4, r"^output 'output' is a list that cannot be made an array: ValueError$"),
        (5, r"^output 'output' has 1 rows for a batch of 2$"),
        (6, r"^output 'output' has dtype <U4, its signature says FP32$"),
        (7, r"^output 'output' has dtype complex128, its signature says FP32$|complex64"),
    ],
)
def test_what_does_not_fit_the_signature_fails_the_step(kind: int, message: str) -> None:
    with pytest.raises(ExecutionFailed, match=message):
        run_faulty(kind)


def test_outputs_that_are_missing_are_named() -> None:
    with pytest.raises(
        ExecutionFailed, match=r"^the model returned a dict that does not hold its outputs 'words', 'first'$"
    ):
        alone(executor_of("Hollow"), {"x": floats(1, 4)})
    with pytest.raises(ExecutionFailed, match=r"must hold str or bytes, and element 1 is a int$"):
        alone(executor_of("Mixed"), {"x": floats(2, 1)})
    with pytest.raises(ExecutionFailed, match=r"^the model returned None for output 'output'$"):
        alone(executor_of("Nothing"), {"x": floats(2, 1)})


def test_a_model_that_cannot_be_made_or_loaded_is_a_load_error() -> None:
    with pytest.raises(LoadError, match=r"^making '.*:BadInit' raised RuntimeError: no licence$"):
        executor_of("BadInit")
    with pytest.raises(LoadError, match=r"^load of '.*:BadLoad' raised OSError: disk$"):
        executor_of("BadLoad")


def test_a_model_that_cannot_be_unloaded_is_let_go_all_the_same() -> None:
    executor = executor_of("BadUnload")
    with pytest.raises(RuntimeError, match=r"^stuck$"):
        executor.close()
    assert executor._instance is None
    assert executor._loop is None


def test_an_artifact_without_a_signature_is_refused() -> None:
    artifact = artifact_of("Double")
    bare = Artifact("python", artifact.source, artifact.content, None)
    with pytest.raises(LoadError, match=r"comes without a signature$"):
        PythonBackend(PythonBackend.options()).open(bare, CPU)
