"""What tests of the drivers share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.qsd import Bench, require_qsd


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A started qsd driver over a directory of its own; its daemons end with the test."""
    require_qsd()
    bench = Bench()
    bench.start()
    yield bench
    bench.clean()
