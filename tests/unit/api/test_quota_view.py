import pytest

from api import quota_view
from cgflow.errors import InvalidInput
from cgflow.quota.deltas import TOTALS, UNCOUNTED
from cgflow.records import QuotaLine

LINES = [
    QuotaLine(resource=name, limit=limit, in_use=1, reserved=2)
    for limit, name in enumerate((*TOTALS, *UNCOUNTED, "volumes_fast"))
]


def test_groups_have_two_names() -> None:
    shown = quota_view.usages(LINES)
    assert shown["groups"] == shown["consistencygroups"] == {"limit": 0, "in_use": 1, "reserved": 2}
    assert shown["volumes_fast"] == {"limit": 7, "in_use": 1, "reserved": 2}
    limits = quota_view.limits({line.resource: line.limit for line in LINES})
    assert limits["groups"] == limits["consistencygroups"] == 0


@pytest.mark.parametrize(
    "asked", [{"groups": 3}, {"consistencygroups": 3}, {"groups": 3, "consistencygroups": 3}]
)
def test_either_name_is_taken(asked: dict[str, int]) -> None:
    assert quota_view.by_resource({**asked, "volumes": 1}) == {"consistencygroups": 3, "volumes": 1}


def test_a_contradiction_is_refused() -> None:
    with pytest.raises(InvalidInput):
        quota_view.by_resource({"groups": 3, "consistencygroups": 4})


def test_absolute() -> None:
    shown = quota_view.absolute(LINES)
    assert (shown["maxTotalVolumes"], shown["totalVolumesUsed"]) == (1, 1)
    assert (shown["maxTotalVolumeGigabytes"], shown["maxTotalBackups"]) == (3, 4)
