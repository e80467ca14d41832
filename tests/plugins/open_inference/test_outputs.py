from __future__ import annotations

import pytest

from jackfield import Datatype, Signature
from jackfield.errors import InvalidRequest, Unsupported
from jackfield_plugins.open_inference.outputs import Form, refuse_formless, wanted
from jackfield_plugins.open_inference.schema import OutputMessage, Scalar
from tests.plugins.open_inference.stub import spec


def test_none_named_means_all_in_the_default_form() -> None:
    assert wanted(None, False) == ({}, Form(False))
    assert wanted([], True) == ({}, Form(True))


def test_each_output_may_have_its_own_form() -> None:
    asked = wanted(
        [
            OutputMessage("a"),
            OutputMessage("b", {"binary_data": False}),
            OutputMessage("c", {"classification": 3, "other": "x"}),
        ],
        True,
    )
    assert asked.by_name == {"a": Form(True), "b": Form(False), "c": Form(True, 3)}
    assert list(asked.by_name) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"binary_data": 1}, "parameter 'binary_data' must be true or false, got 1"),
        ({"classification": 0}, "parameter 'classification' must be at least 1, got 0"),
        ({"classification": -1}, "parameter 'classification' must be a whole number"),
        ({"classification": True}, "parameter 'classification' must be a whole number"),
    ],
)
def test_wrong_parameters_are_refused(parameters: dict[str, Scalar], says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        wanted([OutputMessage("a", parameters)], False)


def test_an_output_is_asked_for_once_and_has_a_name() -> None:
    with pytest.raises(InvalidRequest, match="output 'a' is asked for twice"):
        wanted([OutputMessage("a"), OutputMessage("a")], False)
    with pytest.raises(InvalidRequest, match="an output has an empty name"):
        wanted([OutputMessage("")], False)
    with pytest.raises(Unsupported, match="shared memory"):
        wanted([OutputMessage("a", {"shared_memory_region": "r"})], False)


@pytest.mark.parametrize("datatype", [Datatype.FP16, Datatype.BF16])
def test_halves_are_refused_as_json_before_anything_runs(datatype: Datatype) -> None:
    signature = Signature((), (spec("a", Datatype.FP32, -1), spec("half", datatype, -1)))
    for messages, binary in ((None, False), ([OutputMessage("half")], False)):
        with pytest.raises(InvalidRequest, match=f"output 'half': {datatype.value} has no JSON form"):
            refuse_formless(signature, wanted(messages, binary))
    refuse_formless(signature, wanted(None, True))
    refuse_formless(signature, wanted([OutputMessage("a")], False))
    refuse_formless(signature, wanted([OutputMessage("half", {"classification": 1})], False))
    refuse_formless(signature, wanted([OutputMessage("half", {"binary_data": True})], False))
