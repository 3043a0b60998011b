"""The books of messages that must not be lost: which were acknowledged to their publisher, which came,
how often, and which ended as dead letters. `verdict()` says in words what is wrong; empty is well."""

import collections
import threading


class Ledger:
    """Messages are numbers. A publish that was not acknowledged may or may not have happened."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.tried: set[int] = set()
        self.acknowledged: set[int] = set()
        self.delivered: collections.Counter[int] = collections.Counter()
        self.dead: list[int] = []

    def attempt(self, number: int) -> None:
        with self.lock:
            self.tried.add(number)

    def acknowledge(self, number: int) -> None:
        with self.lock:
            self.acknowledged.add(number)

    def deliver(self, number: int) -> None:
        """Handled: the app's answer was SUCCESS. What the app refused is no delivery."""
        with self.lock:
            self.delivered[number] += 1

    def bury(self, number: int) -> None:
        with self.lock:
            self.dead.append(number)

    def missing(self) -> set[int]:
        with self.lock:
            return self.acknowledged - self.delivered.keys()

    def duplicates(self) -> int:
        with self.lock:
            return sum(count - 1 for count in self.delivered.values())

    def verdict(self, expected: int) -> str:
        """`expected` is how many must have been acknowledged."""
        with self.lock:
            lost = sorted(self.acknowledged - self.delivered.keys())
            strange = sorted(self.delivered.keys() - self.tried)
            wrong = []
            if len(self.acknowledged) != expected:
                wrong.append(f"{len(self.acknowledged)} of {expected} publishes were acknowledged")
            if lost:
                wrong.append(f"{len(lost)} acknowledged messages never came: {lost[:10]}")
            if strange:
                wrong.append(f"{len(strange)} messages came that nobody sent: {strange[:10]}")
            if self.dead:
                wrong.append(f"{len(self.dead)} dead letters: {sorted(self.dead)[:10]}")
            return "; ".join(wrong)
