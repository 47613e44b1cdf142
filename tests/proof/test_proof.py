"""A short run of the proof; the long one is ``make prove-postgres``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.disks import run_program
from tests.support.postgresql_server import find_program
from tests.support.requirements import require, require_disks

ROOT = Path(__file__).parents[2]


@pytest.mark.postgresql
@pytest.mark.real
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_postgresql_recovers_from_every_cgsnapshot_and_not_from_the_control() -> None:
    require_disks()
    require("qemu-storage-daemon", "qemu-img")
    find_program("pg_amcheck")
    words = [sys.executable, "-m", "tests.proof", "--cgsnapshots", "2", "--controls", "1"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert re.match(
        r"prove-postgres: ok cgsnapshots=2, recovered=2, lost=0, control broken=1 of 1, rows=\d+", last
    )
    assert "/tmp/cgproof-" not in Path("/proc/self/mountinfo").read_text()
    assert "/tmp/cgproof-" not in run_program("losetup", "--all")
