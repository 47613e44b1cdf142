"""The filter by state and by the age of the last report."""

import pytest

from cgflow.scheduler.filters.backend_up import BackendUpFilter

from ..conftest import backend, request


@pytest.mark.parametrize(("age_s", "accepted"), [(0, True), (30, True), (31, False), (-5, True)])
def test_a_report_has_its_time(age_s, accepted):
    words = BackendUpFilter(service_down_s=30).refuse(backend(age_s=age_s), request())
    assert (words is None) is accepted


def test_silence_is_told_with_its_length():
    words = BackendUpFilter().refuse(backend(age_s=61), request())
    assert words == "has not reported since 2026-11-22T09:58:59.000000: 61 seconds, and 60 are allowed"


def test_down_is_told_with_its_reason_however_fresh():
    words = BackendUpFilter().refuse(backend(is_up=False, age_s=0, reason="no daemon"), request())
    assert words == "is down since 2026-11-22T10:00:00.000000 (no daemon)"
