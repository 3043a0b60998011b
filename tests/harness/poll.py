"""Waiting for a state instead of sleeping and hoping."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(check: Callable[[], T], seconds: float = 10.0, what: str = "") -> T:
    """The first truthy result of `check`; its exceptions count as "not yet". AssertionError, with
    the last exception, once `seconds` have passed."""
    deadline = time.monotonic() + seconds
    pause = 0.002
    last: BaseException | None = None
    while True:
        try:
            result = check()
            if result:
                return result
            last = None
        except (OSError, AssertionError, LookupError, ValueError, EOFError) as failure:
            last = failure
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {seconds} s: {what or check}; last: {last!r}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
