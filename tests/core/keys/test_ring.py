"""Which key a request shows."""

from __future__ import annotations

import re

from jackfield.keys.entries import KeyConfig
from jackfield.keys.hashing import hashed, new_key
from jackfield.keys.ring import Ring
from jackfield.testing import VirtualClock


def entry(key: str, **more: object) -> KeyConfig:
    return KeyConfig.model_validate({"hash": hashed(key), **more})


def test_keys_are_long_and_never_the_same() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch(r"jf-[A-Za-z0-9_-]{43}", key) for key in keys)


def test_without_keys_nobody_is_found() -> None:
    assert Ring(VirtualClock()).find(b"any") is None


def test_a_key_is_found_by_all_of_it_and_nothing_else() -> None:
    ring, alice, bob = Ring(VirtualClock()), new_key(), new_key()
    ring.change({"alice": entry(alice), "bob": entry(bob)}, False)
    found = ring.find(alice.encode())
    assert found is not None
    assert found.name == "alice"
    wrong = ("", alice[:-1], alice + "x", alice.upper(), "alice", hashed(alice), "x" * 100_000, "\x00" + alice)
    assert [ring.find(key.encode()) for key in wrong] == [None] * len(wrong)
    assert ring.find(bytes(32)) is None


def test_keys_come_go_and_stay() -> None:
    ring, old, kept, new = Ring(VirtualClock()), new_key(), new_key(), new_key()
    ring.change({"old": entry(old), "kept": entry(kept, quota={"requests_per_s": 1})}, False)
    table, before = ring.table, ring.find(kept.encode())
    assert before is not None
    before.enter()
    ring.change({"kept": entry(kept, models=["a"]), "new": entry(new)}, True)
    assert ring.table is not table
    assert ring.find(old.encode()) is None
    assert ring.find(kept.encode()) is before
    assert (before.under_way, before.may_use("b")) == (1, False)
    assert ring.find(new.encode()) is not None


def test_nobody_may_anything() -> None:
    nobody = Ring(VirtualClock()).nobody
    assert not nobody.may_use("a")
    assert not nobody.may("metrics")
