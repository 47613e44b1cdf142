"""A short soak with a fixed seed; the long one is run by hand."""

from __future__ import annotations

import pytest

from tests.soak.soak import soak


@pytest.mark.slow
def test_random_kills_leave_nothing_inconsistent() -> None:
    total = soak(seed=1, kills=30)
    assert total.wrong == ()
    assert total.kills >= 30
