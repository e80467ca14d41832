"""The default batching policies keep to the contract of their socket."""

from __future__ import annotations

from jackfield.testing import BatchingPolicyContract
from jackfield_plugins.batching import jackfield_batching_policies
from jackfield_plugins.batching.adaptive import Adaptive, AdaptiveOptions
from jackfield_plugins.batching.dynamic import Dynamic, DynamicOptions
from jackfield_plugins.batching.single import Single, SingleOptions
from tests.plugins.batching.padded import padded


class TestDynamic(BatchingPolicyContract):
    def policy(self) -> Dynamic:
        return Dynamic(DynamicOptions())


class TestDynamicWithPreferredSizes(BatchingPolicyContract):
    def policy(self) -> Dynamic:
        return Dynamic(DynamicOptions(max_batch_size=7, max_delay_ms=50, preferred_batch_sizes=(2, 4)))


class TestDynamicGrouped(BatchingPolicyContract):
    def policy(self) -> Dynamic:
        return Dynamic(DynamicOptions(group_by=("tenant", "parameters.none")))


class TestDynamicPadded(BatchingPolicyContract):
    def policy(self) -> Dynamic:
        return padded(budget=0.4, group_by=("priority",))


class TestAdaptive(BatchingPolicyContract):
    def policy(self) -> Adaptive:
        return Adaptive(AdaptiveOptions())


class TestAdaptiveWithTarget(BatchingPolicyContract):
    def policy(self) -> Adaptive:
        return Adaptive(AdaptiveOptions(max_batch_size=7, target_p99_ms=5, max_delay_ms=50, explore_every=2))


class TestNone(BatchingPolicyContract):
    def policy(self) -> Single:
        return Single(SingleOptions())


def test_no_policy_is_left_out() -> None:
    assert set(jackfield_batching_policies().values()) == {Adaptive, Dynamic, Single}
