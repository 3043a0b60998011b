"""Lets `import harness` work from here; without a binary there is nothing to soak."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
