import pytest

from api.schemas import quota
from cgflow.errors import InvalidInput
from cgflow.quota.deltas import TOTALS, UNCOUNTED
from cgflow.records import QuotaLine

LINES = [
    QuotaLine(resource=name, limit=limit, in_use=1, reserved=2)
    for limit, name in enumerate((*TOTALS, *UNCOUNTED, "volumes_fast"))
]


def test_groups_have_two_names() -> None:
    shown = quota.usages_by_name(LINES)
    assert shown["groups"] == shown["consistencygroups"] == {"limit": 0, "in_use": 1, "reserved": 2}
    assert shown["volumes_fast"] == {"limit": 7, "in_use": 1, "reserved": 2}
    limits = quota.limits_by_name({line.resource: line.limit for line in LINES})
    assert limits["groups"] == limits["consistencygroups"] == 0


@pytest.mark.parametrize(
    "asked", [{"groups": 3}, {"consistencygroups": 3}, {"groups": 3, "consistencygroups": 3}]
)
def test_either_name_is_taken(asked: dict[str, int]) -> None:
    assert quota.limits_by_resource({**asked, "volumes": 1}) == {"consistencygroups": 3, "volumes": 1}


def test_a_contradiction_is_refused() -> None:
    with pytest.raises(InvalidInput):
        quota.limits_by_resource({"groups": 3, "consistencygroups": 4})


def test_absolute() -> None:
    shown = quota.absolute_limits(LINES)
    assert (shown["maxTotalVolumes"], shown["totalVolumesUsed"]) == (1, 1)
    assert (shown["maxTotalVolumeGigabytes"], shown["maxTotalBackups"]) == (3, 4)
