from __future__ import annotations

import pytest

from jackfield.errors import InvalidRequest, Unsupported
from jackfield_plugins.open_inference.parameters import refuse_shared_memory, settings
from jackfield_plugins.open_inference.schema import Scalar


def test_those_with_a_meaning_are_taken_out_and_others_go_on() -> None:
    found = settings({"priority": 2, "timeout": 1_500_000, "binary_data_output": True, "mine": "a", "b": None})
    assert (found.priority, found.timeout, found.binary) == (2, 1.5, True)
    assert found.others == {"mine": "a", "b": None}


@pytest.mark.parametrize("nothing", [None, {}, {"timeout": 0, "priority": 0}])
def test_defaults(nothing: dict[str, Scalar] | None) -> None:
    found = settings(nothing)
    assert (found.priority, found.timeout, found.binary, found.others) == (0, None, False, {})


@pytest.mark.parametrize(
    ("name", "value", "given"),
    [
        ("priority", -1, "-1"),
        ("priority", True, "true"),
        ("priority", 1.0, "1.0"),
        ("priority", 2**32, "4294967296"),
        ("timeout", "10", "'10'"),
        ("timeout", 2**63, "9223372036854775808"),
        ("timeout", None, "null"),
        ("binary_data_output", 1, "1"),
        ("binary_data_output", "yes\n", r"'yes\n'"),
    ],
)
def test_values_of_another_kind_are_refused(name: str, value: Scalar, given: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        settings({name: value})
    assert str(raised.value).startswith(f"parameter '{name}' must be ")
    assert str(raised.value).endswith(f", got {given}")


@pytest.mark.parametrize("name", ["sequence_id", "sequence_start", "sequence_end"])
def test_sequences_are_not_supported(name: str) -> None:
    with pytest.raises(Unsupported, match=f"parameter '{name}': sequences .* are not supported"):
        settings({name: 1})


@pytest.mark.parametrize("name", ["headers", "triton_enable_empty_final_response", "triton_"])
def test_reserved_ones_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"parameter '{name}' is reserved"):
        settings({name: "x"})


def test_shared_memory_is_not_supported() -> None:
    refuse_shared_memory("x", {"other": 1})
    with pytest.raises(Unsupported, match="tensor 'x': shared memory is not supported"):
        refuse_shared_memory("x", {"shared_memory_region": "a"})
