"""Disabled backends accept nothing new."""

from dataclasses import replace

import pytest

from cgflow import clock
from cgflow.scheduler.filters.enabled import EnabledFilter

from ..conftest import backend, request

SINCE = clock.now()


def test_enabled_takes_all():
    assert EnabledFilter().refuse(backend(), request()) is None


@pytest.mark.parametrize(("reason", "told"), [(None, ""), ("new disks", " (new disks)")])
def test_disabled_takes_nothing_new(reason, told):
    one = replace(backend(), disabled_at=SINCE, disabled_reason=reason)
    assert EnabledFilter().refuse(one, request()) == f"is disabled since {clock.iso(SINCE)}{told}"
    assert EnabledFilter().refuse(one, replace(request(), is_new=False)) is None
