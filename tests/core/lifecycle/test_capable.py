"""What an executor says of itself: a model that it cannot run is refused, and policies can read it."""

from __future__ import annotations

import json

import pytest

from jackfield.errors import LoadError
from jackfield.lifecycle.capable import check_datatypes, check_lengths
from jackfield.testing import ScriptedExecutor
from jackfield.types import Capabilities, Datatype, Signature, TensorSpec
from jackfield_plugins.batching.adaptive import Adaptive, AdaptiveOptions
from jackfield_plugins.batching.dynamic import Dynamic, DynamicOptions


def executor(shape: tuple[int, ...] | None, capabilities: Capabilities) -> ScriptedExecutor:
    axis = None if shape is None else 0
    inputs = (TensorSpec("x", Datatype.FP64, shape, batch_axis=axis),)
    outputs = (TensorSpec("y", Datatype.FP32, (-1,), batch_axis=0),)
    return ScriptedExecutor(Signature(inputs, outputs), capabilities=capabilities)


def test_datatypes_that_cannot_be_carried() -> None:
    both = frozenset({Datatype.FP64, Datatype.FP32})
    check_datatypes(executor((-1, 4), Capabilities()))
    check_datatypes(executor((-1, 4), Capabilities(datatypes=both)))
    with pytest.raises(LoadError, match=r"^input 'x' has datatype FP64, .* it has FP32, INT64$"):
        check_datatypes(executor((-1, 4), Capabilities(datatypes=frozenset({Datatype.INT64, Datatype.FP32}))))
    with pytest.raises(LoadError, match=r"^output 'y' has datatype FP32, "):
        check_datatypes(executor((-1, 4), Capabilities(datatypes=frozenset({Datatype.FP64}))))


def test_lengths_that_may_not_change() -> None:
    fixed = Capabilities(dynamic_shapes=False)
    check_lengths(executor((-1, 4), fixed))
    with pytest.raises(
        LoadError, match=r"^axis 2 of input 'x' may have any length, .* export the model with this axis"
    ):
        check_lengths(executor((-1, 4, -1), fixed))
    with pytest.raises(LoadError, match=r"^any axis of input 'x'"):
        check_lengths(executor(None, fixed))


def test_it_can_be_sent() -> None:
    for one in (Capabilities(), Capabilities(3, False, True, False, frozenset({Datatype.BF16, Datatype.BOOL}), False)):
        assert Capabilities.of(json.loads(json.dumps(one.plain()))) == one


@pytest.mark.parametrize(("most", "largest"), [(None, 32), (6, 6), (5, 5), (100, 32), (1, 1)])
def test_policies_try_no_more_rows_than_there_can_be(most: int | None, largest: int) -> None:
    dynamic = Dynamic(DynamicOptions(max_batch_size=32, preferred_batch_sizes=(5, 20)))
    adaptive = Adaptive(AdaptiveOptions(max_batch_size=32))
    for policy in (dynamic, adaptive):
        policy.capabilities = Capabilities(max_rows=most)
        assert list(policy.sizes()) == sorted(set(policy.sizes()))
        assert (min(policy.sizes()), max(policy.sizes())) == (1, largest)
    assert (5 in dynamic.sizes(), 20 in dynamic.sizes()) == (largest >= 5, largest > 20)
