"""PyTorch models on a device: the answers of the processor, steps brought ahead, and want of memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from jackfield import Expected
from jackfield.cuda import missing_driver
from jackfield.errors import OutOfMemory
from jackfield_plugins.torch.backend import TorchBackend, TorchOptions
from jackfield_plugins.torch.loader import TorchLoader, TorchLoaderOptions
from jackfield_plugins.torch.on_cuda import CudaTorchExecutor
from tests.plugins.stepping import alone, assert_batching_changes_nothing, together
from tests.plugins.torch import programs

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        missing_driver() is not None or not torch.cuda.is_available(), reason=missing_driver() or "PyTorch has no CUDA"
    ),
]


def opened(path: Path, **options: object) -> CudaTorchExecutor:
    backend = TorchBackend(TorchOptions.model_validate(options))
    backend.expected = Expected((1, 4, 16), 16)
    executor = backend.open(TorchLoader(TorchLoaderOptions()).load(str(path)), TorchBackend.devices()[0])
    assert isinstance(executor, CudaTorchExecutor)
    return executor


@pytest.mark.parametrize("options", [{}, {"compile": True}, {"compile": True, "buckets": True}])
def test_answers_are_those_of_the_processor(tmp_path: Path, options: dict[str, object]) -> None:
    executor = opened(programs.mlp(tmp_path / "m.pt2", max=64), **options)
    draw = np.random.default_rng(0)
    xs = [draw.normal(size=(rows, 16)).astype(np.float32) for rows in (1, 3, 2, 16)]
    with torch.inference_mode():
        wanted = [programs.Mlp()(torch.from_numpy(x)).numpy() for x in xs]
    kept = [alone(executor, {"x": x})["output"] for x in xs]
    for got, want in zip(kept, wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4)
    for shared, want in zip(together(executor, *({"x": x} for x in xs)), wanted, strict=True):
        np.testing.assert_allclose(shared["output"], want, rtol=1e-3, atol=1e-4)
    executor.close()


def test_batching_changes_nothing(tmp_path: Path) -> None:
    executor = opened(programs.mlp(tmp_path / "m.pt2", max=64))
    x = np.ones((2, 16), np.float32)
    assert_batching_changes_nothing(executor, {"x": x}, {"x": x * 3})
    executor.close()


def test_want_of_memory_fails_that_step_only(tmp_path: Path) -> None:
    executor = opened(programs.apply(lambda x: (x[:, None] * x[None]).sum(1), tmp_path / "m.pt2"))
    small = np.ones((2, 2), np.float32)
    before = alone(executor, {"x": small})
    with pytest.raises(OutOfMemory, match="not enough memory"):
        alone(executor, {"x": np.ones((1 << 19, 2), np.float32)})  # half a million squared: two terabytes
    after = alone(executor, {"x": small})
    for name, want in before.items():
        np.testing.assert_array_equal(after[name], want)
    assert executor.capacity().rows == 1 << 18
    executor.close()
