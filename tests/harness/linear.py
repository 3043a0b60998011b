"""Was a register with compare-and-set, or a set, one and true to its callers? Histories and their checkers.

A history is a list of operations of one key, with the times they began and ended. What is unknown (an
answer that never came, or an error that leaves open whether it was done) may have happened at any time
after its begin, or never. The register's checker goes through begins and ends in the order of time and
keeps every state that the key may be in: a value together with the open operations that are done in it.
When an operation ends it must be done; those states where it cannot be are dropped, and if none is left,
no order of the operations explains what the callers saw."""

import itertools
import threading
import time
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

NEVER = float("inf")
_order = itertools.count()


@dataclass(eq=False)
class Operation:
    """`kind` is read (whose answer is `value`) or cas (sets `value` if the key has `old`). `ok` tells of a
    cas whether it was done; None is unknown."""

    client: int
    kind: str
    begin: float
    end: float = NEVER
    value: Hashable = None
    old: Hashable = None
    ok: bool | None = None

    def __str__(self) -> str:
        took = f"{self.begin:.6f}-{self.end:.6f}"
        if self.kind == "read":
            return f"{took} client {self.client} read {self.value!r}"
        done = {True: "done", False: "refused", None: "unknown"}[self.ok]
        return f"{took} client {self.client} {self.old!r} -> {self.value!r}: {done}"


@dataclass
class History:
    """What several threads did with one key."""

    operations: list[Operation] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def began(self, client: int, kind: str, value: Hashable = None, old: Hashable = None) -> Operation:
        operation = Operation(client, kind, time.monotonic(), value=value, old=old)
        with self.lock:
            self.operations.append(operation)
        return operation

    @staticmethod
    def ended(operation: Operation, ok: bool | None, value: Hashable = None) -> None:
        """`ok` None leaves the operation open for ever."""
        operation.ok = ok
        if operation.kind == "read":
            operation.value = value
        if ok is not None:
            operation.end = time.monotonic()


State = tuple[Hashable, frozenset[int]]


def _step(operation: Operation, value: Hashable) -> tuple[bool, Hashable]:
    """Whether it could be done on this value with the answer it had, and the value then."""
    if operation.kind == "read":
        return operation.value == value, value
    if operation.ok is False:
        return operation.old != value, value
    return operation.old == value, operation.value


def violation(operations: Iterable[Operation], initial: Hashable) -> str:
    """Empty if the history of a register is linearizable; else what happened around the first answer
    that nothing explains."""
    known = [one for one in operations if not (one.kind == "read" and one.ok is None)]
    events = sorted(
        [(one.begin, 0, number) for number, one in enumerate(known)]
        + [(one.end, 1, number) for number, one in enumerate(known) if one.end != NEVER]
    )
    open_now: set[int] = set()
    states: set[State] = {(initial, frozenset())}
    for _, ends, number in events:
        if not ends:
            open_now.add(number)
            continue
        states = _reach(states, open_now, known, number)
        open_now.discard(number)
        if not states:
            return _story(known, number)
    return ""


def _reach(states: set[State], open_now: set[int], known: list[Operation], number: int) -> set[State]:
    """Every state in which `number` is done, by doing any of the open operations in any order."""
    found: set[State] = set()
    seen, queue = set(states), list(states)
    while queue:
        value, done = queue.pop()
        if number in done:
            # What is left open may as well be done later, when something asks for it.
            found.add((value, done - {number}))
            continue
        for other in open_now - done:
            possible, then = _step(known[other], value)
            state = (then, done | {other})
            if possible and state not in seen:
                seen.add(state)
                queue.append(state)
    return found


def _story(known: list[Operation], number: int) -> str:
    last = known[number]
    near = [one for one in known if one.begin <= last.end and one.end >= last.begin - 0.2]
    lines = [str(one) for one in sorted(near, key=lambda one: one.begin)[-40:]]
    return f"nothing explains [{last}]; around it:\n  " + "\n  ".join(lines)


def etag_violation(seen: Iterable[tuple[Hashable, str]]) -> str:
    """Every value of a register (no two writes have the same) has one etag, and no two values share one."""
    tags: dict[Hashable, str] = {}
    values: dict[str, Hashable] = {}
    for value, etag in seen:
        if tags.setdefault(value, etag) != etag:
            return f"{value!r} was seen with the etags {tags[value]} and {etag}"
        if values.setdefault(etag, value) != value:
            return f"the etag {etag} was seen with {values[etag]!r} and {value!r}"
    return ""


def set_violation(
    added: dict[Hashable, bool | None], final: Iterable[Hashable], reads: Iterable[tuple[float, frozenset]] = ()
) -> str:
    """`added`: each element tried and whether it was acknowledged (None: unknown). Acknowledged ones must
    be in the set at the end, refused and unheard-of ones must not; a set that only grows never shrinks
    from one `reads` (time of begin, what was in it), taken one after another, to the next."""
    there = list(final)
    if len(there) != len(set(there)):
        return f"elements are there twice: {sorted(map(str, there))}"
    lost = [one for one, ok in added.items() if ok and one not in there]
    if lost:
        return f"acknowledged and lost: {lost}"
    wrong = [one for one in there if added.get(one, False) is False]
    if wrong:
        return f"there, though refused or never added: {wrong}"
    before: frozenset = frozenset()
    for _, content in sorted(reads, key=lambda read: read[0]):
        if not before <= content:
            return f"seen and then gone: {sorted(map(str, before - content))}"
        before = content
    return ""
