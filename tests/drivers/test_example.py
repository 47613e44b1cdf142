"""The driver of the documentation passes the suite as its readers run it, and fails it when broken."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "docs" / "example"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The example in a separate folder."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "plainfiles"))


def run(package: Path, *words: str) -> subprocess.CompletedProcess[str]:
    asked = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *words]
    return subprocess.run(asked, cwd=package, capture_output=True, text=True, check=False)


def test_the_example_keeps_the_contract(package: Path) -> None:
    done = run(package)
    assert done.returncode == 0, done.stdout[-4000:]
    for ability in ("Cloning", "Regrouping", "Restoring"):
        assert f"PlainFiles has no {ability}" in done.stdout


def test_a_mistake_in_the_example_is_told_by_the_rule(package: Path) -> None:
    driver = package / "plainfiles.py"
    right = driver.read_text()
    wrong = right.replace("(moments[-1] - moments[0]) * 1000", "0.0")
    assert wrong != right
    driver.write_text(wrong)
    done = run(package, "-k", "evidence")
    assert done.returncode == 1
    assert "skew_ms must say by how much, not 0" in done.stdout
