"""What a key may do and has used up, under a virtual clock."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield.errors import QuotaExceeded
from jackfield.keys.bucket import Bucket
from jackfield.keys.caller import Caller
from jackfield.keys.entries import KeyConfig
from jackfield.keys.hashing import hashed
from jackfield.testing import VirtualClock

HASH = hashed("jf-any")


def caller(clock: VirtualClock | None = None, quota: dict[str, Any] | None = None, **more: Any) -> Caller:
    entry = KeyConfig.model_validate({"hash": HASH, "quota": quota or {}, **more})
    return Caller("alice", entry, clock or VirtualClock())


@settings(deadline=None, derandomize=True)
@given(takes=st.lists(st.tuples(st.floats(0, 3), st.floats(0, 20)), max_size=30))
def test_no_more_flows_out_than_was_there_and_flowed_in(takes: list[tuple[float, float]]) -> None:
    bucket, now, taken = Bucket(2.0, 5.0, 0.0), 0.0, 0.0
    for seconds, amount in takes:
        now += seconds
        if bucket.level(now) >= amount:
            bucket.take(amount, now)
            taken += amount
        assert bucket.level(now) <= 5.0
        assert taken <= 5.0 + 2.0 * now + 1e-6


def test_requests_a_second_with_a_burst() -> None:
    clock = VirtualClock()
    one = caller(clock, {"requests_per_s": 2, "burst": 3})
    for _ in range(3):
        one.enter()
    with pytest.raises(QuotaExceeded, match="key 'alice' may send 2 requests a second") as refused:
        one.enter()
    assert refused.value.retry_after == pytest.approx(0.5)
    assert refused.value.whole_seconds == 1
    clock.advance(0.5)
    one.enter()
    assert one.under_way == 4
    with pytest.raises(QuotaExceeded):
        one.enter()
    clock.advance(100)
    for _ in range(3):
        one.enter()
    with pytest.raises(QuotaExceeded):
        one.enter()


def test_a_rate_below_one_lets_one_request_through() -> None:
    clock = VirtualClock()
    one = caller(clock, {"requests_per_s": 0.25})
    one.enter()
    with pytest.raises(QuotaExceeded) as refused:
        one.enter()
    assert refused.value.whole_seconds == 4


def test_what_was_no_request_is_given_back() -> None:
    one = caller(quota={"requests_per_s": 1})
    for _ in range(5):
        one.enter()
        one.leave(asked=False)
    one.enter()
    assert one.under_way == 1


def test_requests_under_way() -> None:
    one = caller(quota={"concurrent": 2, "requests_per_s": 100})
    one.enter()
    one.enter()
    with pytest.raises(QuotaExceeded, match="has 2 requests under way, at most 2 may be"):
        one.enter()
    one.leave()
    one.enter()


@pytest.mark.parametrize("what", ["rows", "tokens"])
def test_what_is_used_up_is_paid_off(what: str) -> None:
    clock = VirtualClock()
    one = caller(clock, {f"{what}_per_minute": 60})
    one.check()
    one.charge(**{what: 59})
    one.check()
    one.charge(**{what: 31})
    with pytest.raises(QuotaExceeded, match=f"may use 60 {what} a minute, which are used up") as refused:
        one.check()
    assert refused.value.whole_seconds == 31
    clock.advance(30)
    with pytest.raises(QuotaExceeded):
        one.check()
    clock.advance(1)
    one.check()


def test_another_quota_for_the_same_key_forgets_nothing() -> None:
    clock = VirtualClock()
    one = caller(clock, {"requests_per_s": 10, "rows_per_minute": 100})
    for _ in range(10):
        one.enter()
    one.charge(rows=100)
    entry = {"hash": HASH, "quota": {"requests_per_s": 12, "rows_per_minute": 100}, "models": ["b"], "weight": 3}
    one.become(KeyConfig.model_validate(entry))
    one.enter()
    one.enter()
    with pytest.raises(QuotaExceeded):
        one.enter()
    with pytest.raises(QuotaExceeded):
        one.check()
    assert (one.may_use("a"), one.may_use("b"), one.weight, one.under_way) == (False, True, 3, 12)
    one.become(KeyConfig(hash=HASH))
    one.check()
    one.enter()


@pytest.mark.parametrize(
    ("patterns", "usable"),
    [
        (["*"], {"a", "minilm", "minilm-2"}),
        (["minilm"], {"minilm"}),
        (["minilm*"], {"minilm", "minilm-2"}),
        (["?"], {"a"}),
        ([], set()),
        (["MINILM", "[!a]*2"], {"minilm-2"}),
    ],
)
def test_models_by_pattern(patterns: list[str], usable: set[str]) -> None:
    one = caller(models=patterns)
    assert {name for name in ("a", "minilm", "minilm-2") if one.may_use(name)} == usable


def test_rights_and_tenant() -> None:
    one = caller(rights=["metrics"])
    assert (one.may(""), one.may("metrics"), one.may("admin"), one.tenant) == (True, True, False, "alice")
    assert caller(tenant="team").tenant == "team"
