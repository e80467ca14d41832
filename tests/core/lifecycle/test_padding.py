"""Padding is refused where the signature has nothing to pad, and where padded rows are not answered as alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from jackfield import Server
from jackfield.config.models import WarmUp
from jackfield.errors import LoadError
from jackfield.interfaces import TensorExecutor
from jackfield.lifecycle.padding import settle_padding
from jackfield.lifecycle.warmup import warm_up
from jackfield.padding import PadOptions
from jackfield.testing import ScriptedExecutor, make_request
from jackfield.types import Array, Capabilities, Datatype, Signature, TensorSpec
from jackfield.work import Response
from tests.core.lifecycle.fakes import configured, in_loop, plugged

Compute = Callable[[Array, Array], Array]


class Masked(TensorExecutor):
    """`x` and `mask` of one open axis, `tokens`; output `y` follows it, output `pooled` does not."""

    def __init__(self, y: Compute, pooled: Compute, capabilities: Capabilities | None = None) -> None:
        axes = ("batch", "tokens")
        super().__init__(
            Signature(
                (
                    TensorSpec("x", Datatype.FP32, (-1, -1), axes, batch_axis=0),
                    TensorSpec("mask", Datatype.INT64, (-1, -1), axes, batch_axis=0),
                ),
                (
                    TensorSpec("y", Datatype.FP32, (-1, -1), axes, batch_axis=0),
                    TensorSpec("pooled", Datatype.FP32, (-1,), ("batch",), batch_axis=0),
                ),
            ),
            capabilities or Capabilities(),
        )
        self.compute = {"y": y, "pooled": pooled}
        self.shapes: list[tuple[int, ...]] = []

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        self.shapes.append(inputs["x"].shape)
        x, mask = inputs["x"], inputs["mask"]
        return {name: np.asarray(self.compute[name](x, mask), np.float32) for name in outputs}


def _mean(x: Array, mask: Array) -> Array:
    return (x * mask).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)  # type: ignore[no-any-return]


def _double(x: Array, mask: Array) -> Array:
    return 2 * x


def _settled(executor: TensorExecutor, declared: WarmUp | None = None, **pad: Any) -> None:
    settle_padding(executor, PadOptions.model_validate(pad), 8, declared)


def test_named_axes_are_padded_and_proved() -> None:
    executor = Masked(_double, _mean)
    _settled(executor)
    assert executor.padding is not None
    assert [axis.name for axis in executor.padding.axes] == ["tokens"]
    assert (2, 16) in executor.shapes


LEAKING: dict[str, tuple[Compute, Compute, str]] = {
    "a mean over all": (_double, lambda x, mask: x.mean(axis=1), "pooled"),
    "a maximum": (_double, lambda x, mask: x.max(axis=1), "pooled"),
    "a minimum": (_double, lambda x, mask: x.min(axis=1), "pooled"),
    "a length": (_double, lambda x, mask: np.full(len(x), x.shape[1]), "pooled"),
    "a softmax": (lambda x, mask: np.exp(x) / np.exp(x).sum(axis=1, keepdims=True), _mean, "y"),
    "the other way round": (lambda x, mask: x[:, ::-1], _mean, "y"),
}


@pytest.mark.parametrize("leak", LEAKING)
def test_a_model_that_sees_the_padding_is_refused(leak: str) -> None:
    y, pooled, output = LEAKING[leak]
    with pytest.raises(LoadError, match=f"axis 'tokens' cannot be padded: output '{output}' of the shorter row is not"):
        _settled(Masked(y, pooled))
    unproved = Masked(y, pooled)
    _settled(unproved, prove=False)
    assert unproved.shapes == []


@pytest.mark.parametrize("leak", ["a maximum", "a minimum"])
def test_a_fill_value_may_hide_the_padding_from_the_model(leak: str) -> None:
    y, pooled, _ = LEAKING[leak]
    _settled(Masked(y, pooled), fill={"x": -1e30 if leak == "a maximum" else 1e30})


def test_an_output_whose_axis_is_not_named_is_named() -> None:
    executor = Masked(_double, _mean)
    y = TensorSpec("y", Datatype.FP32, (-1, -1), batch_axis=0)
    executor.signature = Signature(executor.signature.inputs, (y, executor.signature.outputs[1]))
    with pytest.raises(LoadError, match=r"output 'y' of the shorter row has shape \[1, 16\] in company and \[1, 8\]"):
        _settled(executor)
    _settled(executor, axes=[{"name": "tokens", "outputs": {"y": 1}}])


def test_a_model_that_takes_no_other_length_is_refused() -> None:
    def only_eight(x: Array, mask: Array) -> Array:
        if x.shape[1] > 8:
            raise ValueError("eight at most")
        return x

    with pytest.raises(LoadError, match=r"running it raised ValueError: eight at most.*lengths 8 and 16; `pad.prove"):
        _settled(Masked(only_eight, _mean))


def test_declared_inputs_are_stretched_and_not_turned() -> None:
    def positive(x: Array, mask: Array) -> Array:
        assert (x[:, 0] > 0).all()
        return 2 * x

    declared = WarmUp.model_validate(
        {"inputs": {"x": {"shape": [8], "fill": "ones"}, "mask": {"shape": [8], "fill": 1}}}
    )
    executor = Masked(positive, _mean)
    _settled(executor, declared)
    assert (2, 16) in executor.shapes


REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"axes": [{"name": "words"}]},
        "`pad.axes` names axis 'words', which no input has beside its batch axis: named axes",
    ),
    ({"axes": [{"name": "batch"}]}, "`pad.axes` names axis 'batch', which no input has beside its batch axis"),
    (
        {"axes": [{"name": "w", "inputs": {"z": 1}}]},
        "`pad` names input 'z' for axis 'w', which the model does not have",
    ),
    ({"axes": [{"name": "w", "outputs": {"x": 1}}]}, "`pad` names output 'x' for axis 'w', which the model does not"),
    (
        {"axes": [{"name": "w", "inputs": {"x": 0}}]},
        "`pad` names axis 0 of input 'x', which cannot be padded: 'x' is of",
    ),
    ({"axes": [{"name": "w", "inputs": {"x": 2}}]}, r"cannot be padded: 'x' is of shape \[-1, -1\] with batch axis 0"),
    ({"axes": [{"name": "tokens"}] * 2}, "`pad.axes` names axis 'tokens' twice"),
    ({"fill": {"y": 1}}, "`pad.fill` names input 'y', which is not padded: those that are, are 'x', 'mask'"),
    ({"fill": {"mask": 0.5}}, "`pad.fill` gives 0.5 for input 'mask', and INT64 cannot hold it"),
    ({"fill": {"x": "text"}}, "`pad.fill` gives 'text' for input 'x' of datatype FP32: a number fits"),
]


@pytest.mark.parametrize(("pad", "sentence"), REFUSED)
def test_what_cannot_be_padded_is_refused(pad: dict[str, Any], sentence: str) -> None:
    with pytest.raises(LoadError, match=sentence):
        _settled(Masked(_double, _mean), **pad)


def test_where_nothing_is_named_there_is_nothing_to_pad() -> None:
    with pytest.raises(LoadError, match=r"`pad` has nothing to pad: no input has .*; the inputs are 'x' \[-1, -1\]"):
        _settled(ScriptedExecutor())


def test_where_nothing_is_joined_there_is_nothing_to_pad() -> None:
    executor = Masked(_double, _mean)
    executor.signature = Signature(
        (TensorSpec("x", Datatype.FP32, (-1, -1), ("batch", "tokens")),), executor.signature.outputs
    )
    with pytest.raises(LoadError, match="`pad` is of no use for this model: its requests never share a step"):
        _settled(executor)


def test_a_backend_that_takes_no_padding_is_left_alone() -> None:
    with pytest.raises(LoadError, match="`pad` is not possible with this model's backend: it does not take padded"):
        _settled(Masked(_double, _mean, Capabilities(padding=False)))


def test_an_axis_of_one_length_is_not_padded() -> None:
    executor = Masked(_double, _mean)
    fixed = TensorSpec("x", Datatype.FP32, (-1, 4), ("batch", "tokens"), batch_axis=0)
    executor.signature = Signature((fixed, executor.signature.inputs[1]), executor.signature.outputs)
    with pytest.raises(LoadError, match="`pad` cannot pad axis 'tokens' of input 'x': its length is 4"):
        _settled(executor, axes=[{"name": "tokens"}])


def test_buckets_are_warmed_up_without_all_combinations() -> None:
    executor = Masked(_double, _mean)
    _settled(executor, buckets={"multiples_of": 2, "up_to": 100}, prove=False)
    warm_up(executor, [1, 2, 32], 8, None, lambda doing, done, total: None)
    assert executor.shapes[:3] == [(1, 8), (2, 8), (32, 8)]
    lengths = [length for rows, length in executor.shapes[3:19]]
    assert len(set(lengths)) == 16
    assert (min(lengths), max(lengths)) == (8, 100)
    assert executor.shapes[19:] == [(32, 100), (1, 8)]


@in_loop
async def test_a_server_pads_and_cuts_and_counts() -> None:
    pad = {"axes": [{"name": "width", "inputs": {"x": 1}, "outputs": {"y": 1}}], "budget": 0.5}
    registry = plugged(ScriptedExecutor)
    config = configured(warm_up="auto", batching={"policy": "dynamic", "pad": pad})
    async with Server(config, registry=registry) as server:
        version = server.versions[0]
        works = [version.submit(make_request(width=width, value=width)) for width in (3, 4, 6, 5)]
        for width, work in zip((3, 4, 6, 5), works, strict=True):
            answer: Response = await work.future
            assert answer.outputs["y"].shape == (1, width)
            assert (answer.outputs["y"] == 2 * width + 1).all()
        assert version.statistics.elements - version.statistics.padding_elements == 3 + 4 + 6 + 5
        assert 0 < version.statistics.padding_elements <= version.statistics.elements / 2


@in_loop
async def test_a_model_that_cannot_be_padded_fails_to_load_with_one_sentence() -> None:
    config = configured(batching={"policy": "dynamic", "pad": {}})
    with pytest.raises(LoadError, match="model 'double' failed to load: `pad` has nothing to pad: no input"):
        async with Server(config, registry=plugged(ScriptedExecutor)):
            pass
