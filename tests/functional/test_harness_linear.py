"""The checkers of histories can tell right from wrong. Needs no runtime."""

import itertools
import random
import time

import pytest

from harness.linear import NEVER, Operation, etag_violation, set_violation, violation


def read(begin: float, end: float, value: int) -> Operation:
    return Operation(0, "read", begin, end, value, ok=True)


def cas(begin: float, end: float, old: int, value: int, ok: bool | None = True) -> Operation:
    return Operation(1, "cas", begin, NEVER if ok is None else end, value, old, ok)


GOOD = {
    "nothing": [],
    "one after another": [read(0, 1, 0), cas(2, 3, 0, 1), read(4, 5, 1)],
    "a read during a write sees either": [cas(0, 10, 0, 1), read(1, 2, 0), read(3, 4, 1)],
    "two writers, one is refused": [cas(0, 10, 0, 1), cas(0, 10, 0, 2, False), read(11, 12, 1)],
    "unknown and not done": [cas(0, 0, 0, 1, None), read(5, 6, 0), cas(7, 8, 0, 2), read(9, 10, 2)],
    "unknown and done": [cas(0, 0, 0, 1, None), read(5, 6, 1), cas(7, 8, 1, 2)],
    "unknown and done late": [cas(0, 0, 0, 1, None), read(5, 6, 0), read(7, 8, 1)],
    "a refused one tells that it has changed": [cas(0, 9, 0, 1), cas(1, 2, 0, 2, False), read(3, 4, 1)],
    "a chain within one wait": [cas(0, 9, 2, 3), cas(0, 9, 0, 1), cas(0, 9, 1, 2), read(0, 9, 3)],
}
BAD = {
    "an acknowledged write is lost": [cas(0, 1, 0, 1), read(2, 3, 0)],
    "a write that nobody made": [read(0, 1, 7)],
    "back in time": [cas(0, 10, 0, 1), read(1, 2, 1), read(3, 4, 0)],
    "two writers, both done": [cas(0, 10, 0, 1), cas(0, 10, 0, 2)],
    "refused and done": [cas(0, 1, 0, 1, False), read(2, 3, 1)],
    "refused without a reason": [cas(0, 1, 0, 1, False)],
    "done and then refused by its own repetition": [cas(0, 5, 0, 1, False), read(6, 7, 1)],
    "unknown, done twice": [cas(0, 0, 0, 1, None), read(1, 2, 1), cas(3, 4, 1, 2), read(5, 6, 1)],
    "unknown, done before it began": [read(0, 1, 1), cas(2, 2, 0, 1, None)],
    "a late read of an old value": [cas(0, 1, 0, 1), cas(2, 3, 1, 2), read(4, 5, 1)],
}


@pytest.mark.parametrize("name", GOOD)
def test_good_histories(name: str) -> None:
    assert violation(GOOD[name], 0) == ""


@pytest.mark.parametrize("name", BAD)
def test_bad_histories(name: str) -> None:
    assert "nothing explains" in violation(BAD[name], 0)


def generated(seed: int, faults: float) -> list[Operation]:
    """Eight clients of a register that is one: each operation takes effect at a moment of its own."""
    chance = random.Random(seed)
    numbers, value, now = itertools.count(1), 0, 0.0
    known, free = [0] * 8, [0.0] * 8
    operations = []
    for _ in range(400):
        now += chance.random()
        client = min(range(8), key=lambda one: free[one])
        now = max(now, free[client])
        begin, end = now - chance.random() * (now - free[client]), now + chance.random() * 3
        free[client] = end + 1e-9
        unknown = chance.random() < faults
        if chance.random() < 0.5:
            known[client] = value
            operations.append(Operation(client, "read", begin, NEVER if unknown else end, value,
                                        ok=None if unknown else True))
            continue
        new, old = next(numbers), known[client]
        done = old == value and not (unknown and chance.random() < 0.5)
        ok = None if unknown else old == value
        operations.append(Operation(client, "cas", begin, NEVER if unknown else end, new, old, ok))
        if done:
            value = new
    return operations


def test_generated_histories_are_good_until_one_answer_is_changed() -> None:
    for seed in range(20):
        operations = generated(seed, 0.05)
        started = time.monotonic()
        assert violation(operations, 0) == "", seed
        assert time.monotonic() - started < 10
        last = max((one for one in operations if one.kind == "read" and one.ok), key=lambda one: one.begin)
        # Two values back from the newest: overwritten long before this read began.
        chain = [one for one in operations if one.kind == "cas" and one.ok and one.end < last.begin]
        last.value = sorted(chain, key=lambda one: one.end)[-9].value
        assert "nothing explains" in violation(operations, 0), seed


def test_etags() -> None:
    assert etag_violation([(1, "a"), (2, "b"), (1, "a")]) == ""
    assert "etags a and b" in etag_violation([(1, "a"), (1, "b")])
    assert "was seen with 1 and 2" in etag_violation([(1, "a"), (2, "a")])


def test_sets() -> None:
    tried = {"a": True, "b": None, "c": False}
    assert set_violation(tried, ["a"]) == "" and set_violation(tried, ["b", "a"]) == ""
    assert "lost: ['a']" in set_violation(tried, ["b"])
    assert "refused" in set_violation(tried, ["a", "c"])
    assert "never added" in set_violation(tried, ["a", "z"])
    assert "twice" in set_violation(tried, ["a", "a"])
    shrinks = [(1.0, frozenset("ab")), (2.0, frozenset("a"))]
    assert "gone: ['b']" in set_violation(tried, ["a"], shrinks)
