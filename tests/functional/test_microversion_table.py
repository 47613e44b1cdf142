"""Every advertised microversion works: each is checked for its change in Cinder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

import tests.functional.microversions.changes  # noqa: F401 - it fills the table of checks
from api.versions import MAXIMUM
from tests.functional.microversions.scene import CHECKS, Scene

DOCUMENT = Path(__file__).parents[2] / "docs" / "clients.md"


@pytest.fixture(scope="module")
def scene(app: Flask) -> Scene:
    return Scene(app)


@pytest.mark.parametrize("minor", range(1, MAXIMUM[1] + 1))
def test_what_is_advertised_is_there(scene: Scene, minor: int) -> None:
    CHECKS[minor](scene)


def test_the_document_tells_of_each() -> None:
    rows = re.findall(r"^\| 3\.(\d+) \| [^|]+ \| [^|]+ \|$", DOCUMENT.read_text(), re.MULTILINE)
    assert [int(row) for row in rows] == list(range(1, MAXIMUM[1] + 1)) == sorted(CHECKS)
