"""No wake-up is lost."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Iterator

import pytest

from jackfield.engine.wake import Wake

PRODUCERS = 4
ITEMS = 3000


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads change places as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_a_set_between_arm_and_sleep_is_not_lost() -> None:
    wake = Wake()
    wake.arm()
    wake.set()
    wake.sleep(None)


def test_a_set_by_another_thread_ends_the_sleep() -> None:
    wake = Wake()
    wake.arm()
    thread = threading.Thread(target=wake.set)
    thread.start()
    wake.sleep(None)
    thread.join()


def test_a_sleep_ends_after_its_time_and_bears_any_number() -> None:
    wake = Wake()
    for seconds in (0.0, -1.0, 1e-4):
        wake.arm()
        wake.sleep(seconds)
    wake.arm()
    wake.set()
    wake.sleep(float("inf"))


def test_setting_twice_or_for_nobody_does_no_harm() -> None:
    wake = Wake()
    wake.set()
    wake.arm()
    wake.set()
    wake.set()
    wake.sleep(None)
    wake.arm()
    wake.disarm()
    wake.set()
    wake.arm()
    wake.sleep(0)


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("timeout", [None, 1e-5])
def test_no_wake_up_is_lost_under_stress(timeout: float | None) -> None:
    wake = Wake()
    items: deque[int] = deque()
    taken = 0

    def consume() -> None:
        nonlocal taken
        while taken < PRODUCERS * ITEMS:
            while items:
                items.popleft()
                taken += 1
            wake.arm()
            if items or taken == PRODUCERS * ITEMS:
                wake.disarm()
            else:
                wake.sleep(timeout)

    def produce() -> None:
        for number in range(ITEMS):
            items.append(number)
            wake.set()

    consumer = threading.Thread(target=consume, daemon=True)
    producers = [threading.Thread(target=produce) for _ in range(PRODUCERS)]
    for thread in (consumer, *producers):
        thread.start()
    for thread in producers:
        thread.join()
    consumer.join(30)
    assert not consumer.is_alive(), f"the sleeper was left asleep beside {len(items)} items"
    assert taken == PRODUCERS * ITEMS
