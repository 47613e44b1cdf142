"""Quota, limits, pools and zones over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found
from tests.functional.volume_actions import act

NAMES = (
    "volumes",
    "snapshots",
    "gigabytes",
    "consistencygroups",
    "groups",
    "backups",
    "backup_gigabytes",
    "per_volume_gigabytes",
)
SHOWN = set(NAMES)


def quota(caller: Caller, query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = caller.get(f"/os-quota-sets/{caller.project}{query}").json["quota_set"]
    return found


def test_limits_and_usage(caller: Caller) -> None:
    """S93."""
    name = caller.type()
    caller.member(caller.group(name), name, size=2)
    limits = quota(caller, "?usage=False")
    assert set(limits) >= SHOWN | {"id", f"volumes_{name}", f"gigabytes_{name}", f"snapshots_{name}"}
    assert limits["id"] == caller.project
    assert (limits["volumes"], limits["gigabytes"], limits["groups"]) == (10, 1000, 10)
    usage = quota(caller, "?usage=True")
    assert usage["volumes"] == {"limit": 10, "in_use": 1, "reserved": 0}
    assert usage["gigabytes"] == {"limit": 1000, "in_use": 2, "reserved": 0}
    assert usage[f"gigabytes_{name}"] == {"limit": -1, "in_use": 2, "reserved": 0}
    assert usage["consistencygroups"] == usage["groups"] == {"limit": 10, "in_use": 1, "reserved": 0}


@pytest.mark.parametrize("name", NAMES)
def test_set_and_reset(caller: Caller, name: str) -> None:
    """S93, S146."""
    path = f"/os-quota-sets/{caller.project}"
    body = {"quota_set": {"tenant_id": caller.project, name: 7, "force": True}}
    answer = caller.put(f"{path}?skip_validation=False", body)
    assert answer.status_code == 200
    assert answer.json["quota_set"][name] == 7
    assert "id" not in answer.json["quota_set"]
    assert quota(caller)[name] == 7
    answer = caller.delete(path)
    assert (answer.status_code, answer.data) == (200, b"")
    assert quota(caller)[name] == caller.get(f"{path}/defaults").json["quota_set"][name]


def test_what_is_shown_can_be_set_back(caller: Caller) -> None:
    shown = quota(caller)
    answer = caller.put(f"/os-quota-sets/{caller.project}", {"quota_set": shown})
    assert answer.status_code == 200, answer.text
    assert quota(caller) == shown


def test_a_volume_larger_than_one_may_be_is_refused(caller: Caller) -> None:
    volume_id = caller.volume(size=2)
    caller.put(f"/os-quota-sets/{caller.project}", {"quota_set": {"per_volume_gigabytes": 2}})
    for answer in (
        caller.post("/volumes", {"volume": {"size": 3}}),
        caller.post("/volumes", {"volume": {"size": 3, "source_volid": volume_id}}),
        act(caller, volume_id, "os-extend", {"new_size": 3}),
    ):
        assert "Requested volume size 3G" in check_fault(answer, 413, "overLimit")
    caller.volume(size=2)


def test_one_quota_under_two_names(caller: Caller) -> None:
    path = f"/os-quota-sets/{caller.project}"
    assert caller.put(path, {"quota_set": {"groups": 3}}).json["quota_set"]["consistencygroups"] == 3
    both = {"quota_set": {"groups": 4, "consistencygroups": 5}}
    check_bad_request(caller.put(path, both), "groups")
    assert quota(caller)["groups"] == 3


@pytest.mark.parametrize("limit", [-2, "x", 1.5, True, [], {}, 2**31, "", 10**30])
def test_limits_that_are_none(caller: Caller, limit: object) -> None:
    answer = caller.put(f"/os-quota-sets/{caller.project}", {"quota_set": {"volumes": limit}})
    assert "volumes" in check_bad_request(answer, "volumes")


def test_unknown_quotas(caller: Caller) -> None:
    answer = caller.put(f"/os-quota-sets/{caller.project}", {"quota_set": {"volumes": 3, "cakes": 1}})
    assert "cakes" in check_bad_request(answer, "cakes")
    assert quota(caller)["volumes"] == 10


def test_null_is_no_limit(caller: Caller) -> None:
    answer = caller.put(
        f"/os-quota-sets/{caller.project}", {"quota_set": {"volumes": None, "snapshots": "4"}}
    )
    check_fault(answer, 400, "badRequest")
    assert quota(caller)["snapshots"] == 10


def test_the_default_class(caller: Caller) -> None:
    """S93."""
    path = "/os-quota-class-sets/default"
    before = caller.get(path).json["quota_class_set"]
    assert before["id"] == "default"
    assert set(before) >= SHOWN
    answer = caller.put(path, {"quota_class_set": {"class_name": "default", "snapshots": 77}})
    assert answer.status_code == 200
    assert answer.json["quota_class_set"]["snapshots"] == 77
    assert quota(caller)["snapshots"] == 77
    caller.put(path, {"quota_class_set": {"snapshots": before["snapshots"]}})
    own = caller.get(path).json["quota_class_set"]
    assert caller.get("/os-quota-class-sets/gold").json == {"quota_class_set": own | {"id": "gold"}}
    check_not_found(caller.put("/os-quota-class-sets/gold", {"quota_class_set": {}}))


def test_a_project_that_is_none(caller: Caller) -> None:
    for method, body in (("GET", None), ("PUT", {"quota_set": {"volumes": 1}}), ("DELETE", None)):
        check_bad_request(caller.call(method, "/os-quota-sets/a b", body), "project_id")


def test_a_member_sees_the_own_quota(member: Caller) -> None:
    assert quota(member)["volumes"] == 10
    check_fault(member.get("/os-quota-sets/another"), 403, "forbidden")


def test_absolute_limits(caller: Caller) -> None:
    caller.volume(size=3)
    limits = caller.get("/limits").json["limits"]
    assert limits == {
        "rate": [],
        "absolute": {
            "maxTotalVolumes": 10,
            "maxTotalSnapshots": 10,
            "maxTotalVolumeGigabytes": 1000,
            "maxTotalBackups": 0,
            "maxTotalBackupGigabytes": 0,
            "totalVolumesUsed": 1,
            "totalGigabytesUsed": 3,
            "totalSnapshotsUsed": 0,
            "totalBackupsUsed": 0,
            "totalBackupGigabytesUsed": 0,
        },
    }


def test_pools(caller: Caller) -> None:
    (pool,) = caller.get("/scheduler-stats/get_pools").json["pools"]
    assert pool == {"name": "here@memory#memory"}
    (pool,) = caller.get("/scheduler-stats/get_pools?detail=True").json["pools"]
    capabilities = pool["capabilities"]
    assert capabilities["consistencygroup_support"] is True
    assert capabilities["pool_name"] == capabilities["volume_backend_name"] == "memory"
    assert capabilities["total_capacity_gb"] == 100_000
    assert set(capabilities) >= {"free_capacity_gb", "storage_protocol", "vendor_name", "driver_version"}
    check_bad_request(caller.get("/scheduler-stats/get_pools?detail=what"), "detail")


def test_zones(member: Caller) -> None:
    assert member.get("/os-availability-zone").json == {
        "availabilityZoneInfo": [{"zoneName": "nova", "zoneState": {"available": True}}]
    }
