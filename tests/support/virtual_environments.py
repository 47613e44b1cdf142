"""Virtual environments for what the tests install: made by the first caller, stored beside the code."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.requirements import skip_or_fail

ROOT = Path(__file__).resolve().parents[2]


def install_environment(name: str, *packages: str) -> Path:
    """Return the folder with the programs of an environment that contains the packages."""
    folder = ROOT / f".venv-{name}"
    ready = folder / f"{'+'.join(packages)}.ready"
    with folder_lock(folder):
        if not ready.exists():
            install = ("install", "--quiet", "--disable-pip-version-check", *packages)
            for words in ((sys.executable, "-m", "venv", folder), (folder / "bin" / "pip", *install)):
                done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    skip_or_fail(
                        f"{' and '.join(packages)} cannot be installed: {done.stderr.strip()[-500:]}"
                    )
            ready.touch()
    return folder / "bin"


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Lock a folder against changes by others, who wait."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
