"""Makes `import harness` work; the fixtures are in test_sdks.py."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
