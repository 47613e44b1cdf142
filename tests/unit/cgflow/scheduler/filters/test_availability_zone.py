"""The filter by availability zone."""

from cgflow.scheduler.filters.availability_zone import AvailabilityZoneFilter

from ..conftest import backend, request

REFUSE = AvailabilityZoneFilter().refuse


def test_same_zone_or_any_is_accepted():
    assert REFUSE(backend(zone="az1"), request(availability_zone="az1")) is None
    assert REFUSE(backend(zone="az1"), request(availability_zone=None)) is None


def test_other_zone_is_refused():
    words = REFUSE(backend(zone="az1"), request(availability_zone="az2"))
    assert words == "is in availability zone 'az1', not in 'az2'"
