"""Running a contract's tests without pytest, to see which of them a plugin breaks."""

from __future__ import annotations


def broken(contract: type[object]) -> dict[str, str]:
    """The tests of `contract` that fail, without `test_`, and what they say."""
    names = [name.removeprefix("test_") for name in dir(contract) if name.startswith("test_")]
    return {name: failure for name in names if (failure := failure_of(contract, name)) is not None}


def assert_breaks(contract: type[object], test: str, says: str) -> None:
    """`contract` fails in `test`, with a sentence that has `says` in it."""
    failure = failure_of(contract, test)
    assert failure is not None, f"not caught; what fails is {broken(contract)}"
    assert failure.startswith("AssertionError: "), failure
    assert says in failure, failure


def failure_of(contract: type[object], test: str) -> str | None:
    """What one test of `contract` fails with; None if it passes."""
    try:
        getattr(contract(), f"test_{test}")()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None
