"""A short soak with a fixed seed; longer ones are run by hand."""

from __future__ import annotations

import pytest

from tests.soak import daemons
from tests.soak.soak_runs import make_life, run_life, soak
from tests.support.kill_points import EXECUTE, REVERT
from tests.support.qsd_fixture import require_qsd


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
    it = make_life(1, 1)
    assert it.orderly
    first, second = run_life(it, 6), run_life(it, 6)
    assert first.deaths == second.deaths
    assert first.flows == second.flows


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.timeout(300)
def test_a_storage_daemon_that_is_killed_loses_nothing_that_was_acknowledged() -> None:
    require_qsd()
    total = daemons.soak(rounds=3, seed=3)
    assert total.wrong == []
    assert total.rounds == len(total.outages_s) == 3
    assert total.checked > 3, "cgsnapshots were read back"
    assert total.writes > 3 * daemons.PROGRESS


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.timeout(300)
def test_a_soak_of_the_storage_daemon_finds_the_faults_of_its_controls() -> None:
    require_qsd()
    assert daemons.undetected_controls(seed=3) == []
