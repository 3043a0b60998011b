"""Lets `import harness` work from here; without a binary there is nothing to soak."""

import contextlib
import pathlib
import sys
from collections.abc import Iterator

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    """Whatever is entered here ends with the test, last first."""
    with contextlib.ExitStack() as everything:
        yield everything
