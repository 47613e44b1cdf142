"""A short soak with a fixed seed; the long one is run by hand."""

from __future__ import annotations

import pytest

from tests.soak.soak import life, live, soak
from tests.support.moments import EXECUTE, REVERT


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_random_kills_leave_nothing_inconsistent() -> None:
    total = soak(seed=1, kills=40)
    assert total.wrong == ()
    assert total.kills >= 40
    kinds = total.kinds()
    assert kinds[EXECUTE], total
    assert kinds[REVERT], total
    assert total.resumed, total
    assert total.retries, total


@pytest.mark.slow
def test_the_seed_of_an_orderly_life_says_who_dies_where() -> None:
    it = life(1, 1)
    assert it.orderly
    first, second = live(it, 6), live(it, 6)
    assert first.deaths == second.deaths
    assert first.flows == second.flows
