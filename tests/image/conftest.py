"""Makes `import harness` work, and the image the suite is about."""

import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness.paths import ROOT, binary  # noqa: E402


def make_image(out: pathlib.Path) -> pathlib.Path:
    done = subprocess.run(
        [sys.executable, ROOT / "images" / "build.py", "--name", "example/daprd:one", "--out", out],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )
    assert done.returncode == 0, done.stdout
    return out


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    assert binary().exists(), f"no binary at {binary()}"
    yield make_image(tmp_path_factory.mktemp("image"))
