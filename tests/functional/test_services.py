"""The parts of the service, whether they are up, and a backend that is disabled: it takes nothing new."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from cgflow import clock
from cgflow.db.models import Service
from tests.functional.acting import act
from tests.functional.caller import Caller, malformed, missing, refused
from tests.support.world import HOST, World

VOLUME = {"binary": "cgflow-volume", "host": HOST}


@pytest.fixture
def disabled(caller: Caller) -> Iterator[dict[str, Any]]:
    """The one backend there is, disabled; it is enabled afterwards."""
    answer = caller.put("/os-services/disable-log-reason", VOLUME | {"disabled_reason": "new disks"})
    assert answer.status_code == 200, answer.text
    yield answer.json
    assert caller.put("/os-services/enable", VOLUME).status_code == 200


def listed(caller: Caller, query: str = "") -> dict[str, dict[str, Any]]:
    return {part["binary"]: part for part in caller.get(f"/os-services{query}").json["services"]}


def test_all_parts(caller: Caller) -> None:
    parts = listed(caller)
    assert set(parts) == {"cgflow-api", "cgflow-conductor", "cgflow-volume"}
    for part in parts.values():
        assert part == part | {
            "zone": "nova",
            "status": "enabled",
            "state": "up",
            "disabled_reason": None,
            "replication_status": None,
            "active_backend_id": None,
            "frozen": False,
        }
        assert part["updated_at"]
    assert parts["cgflow-volume"]["host"] == HOST
    assert parts["cgflow-api"]["host"] == socket.gethostname()


def test_lists_by_binary_and_host(caller: Caller) -> None:
    assert set(listed(caller, "?binary=cgflow-volume")) == {"cgflow-volume"}
    assert set(listed(caller, "?host=here")) == set(listed(caller, f"?host={HOST}")) == {"cgflow-volume"}
    assert listed(caller, "?binary=cgflow-volume&host=elsewhere") == {}


def test_what_came_later(modern: Caller) -> None:
    part = listed(modern)["cgflow-volume"]
    assert (part["cluster"], part["backend_state"]) == (None, "up")
    assert {"cluster", "backend_state"}.isdisjoint(listed(modern.at(6))["cgflow-volume"])


def test_silence_is_told(caller: Caller, served: World) -> None:
    with served.database.write() as session:
        session.add(
            Service(
                binary="cgflow-conductor",
                host="gone",
                availability_zone="nova",
                reported_at=clock.now() - timedelta(seconds=61),
            )
        )
    assert listed(caller, "?host=gone")["cgflow-conductor"]["state"] == "down"
    with served.database.write() as session:
        session.delete(session.get(Service, ("cgflow-conductor", "gone")))


def test_a_disabled_backend_is_shown_so(caller: Caller, disabled: dict[str, Any]) -> None:
    assert disabled == {
        "host": HOST,
        "service": "",
        "binary": "cgflow-volume",
        "status": "disabled",
        "disabled": True,
        "disabled_reason": "new disks",
    }
    part = listed(caller)["cgflow-volume"]
    assert (part["status"], part["state"], part["disabled_reason"]) == ("disabled", "up", "new disks")
    pool = caller.get("/scheduler-stats/get_pools?detail=True").json["pools"][0]
    assert pool["capabilities"]["cgflow:disabled"] is True


def test_nothing_new_is_placed_on_it_and_what_is_there_goes_on(caller: Caller, served: World) -> None:
    name = caller.type()
    group_id, volume_id = caller.group(name), caller.volume()
    caller.member(group_id, name)
    caller.put("/os-services/disable-log-reason", VOLUME | {"disabled_reason": "new disks"})
    served.service.report()
    try:
        for asked in (
            caller.post("/volumes", {"volume": {"size": 1}}),
            caller.post("/consistencygroups", {"consistencygroup": {"volume_types": name}}),
            caller.post(
                "/volumes", {"volume": {"size": 1, "volume_type": name, "consistencygroup_id": group_id}}
            ),
        ):
            flow = caller.flow(asked)
            assert flow["state"] == "reverted"
            assert f"{HOST}: is disabled since " in flow["reason"]
            assert "(new disks)" in flow["reason"]
        caller.cgsnapshot(group_id)
        caller.done(act(caller, volume_id, "os-extend", {"new_size": 2}))
        caller.done(caller.delete(f"/volumes/{volume_id}"))
    finally:
        enabled = caller.put("/os-services/enable", VOLUME).json
    assert (enabled["status"], enabled["disabled"], enabled["disabled_reason"]) == ("enabled", False, None)
    caller.volume()


def test_disabled_without_a_reason_and_by_the_name_that_scripts_know(caller: Caller) -> None:
    body = {"host": f"{HOST}#memory", "binary": "cinder-volume"}
    answer = caller.put("/os-services/disable", body)
    assert (answer.json["status"], answer.json["disabled_reason"]) == ("disabled", None)
    assert caller.put("/os-services/enable", body).json["status"] == "enabled"


@pytest.mark.parametrize(
    ("action", "body", "field"),
    [
        ("disable", {"host": HOST, "binary": "cgflow-api"}, "binary"),
        ("disable", {"binary": "cgflow-volume"}, "host"),
        ("disable", {"host": 1}, "host"),
        ("enable", {"host": HOST, "colour": "red"}, "colour"),
        ("disable-log-reason", VOLUME, "disabled_reason"),
        ("disable-log-reason", VOLUME | {"disabled_reason": " "}, "disabled_reason"),
        ("disable-log-reason", VOLUME | {"disabled_reason": "x" * 256}, "disabled_reason"),
    ],
)
def test_what_cannot_be_disabled(caller: Caller, action: str, body: object, field: str) -> None:
    malformed(caller.put(f"/os-services/{action}", body), field)
    assert listed(caller)["cgflow-volume"]["status"] == "enabled"


def test_unknown_ones(caller: Caller) -> None:
    missing(caller.put("/os-services/disable", {"host": "nowhere@nothing"}))
    assert "enable, disable" in missing(caller.put("/os-services/melt", VOLUME))
    missing(caller.get("/os-hosts/nowhere"))
    missing(caller.get("/capabilities/nowhere"))


def test_hosts(caller: Caller) -> None:
    hosts = {host["service"]: host for host in caller.get("/os-hosts").json["hosts"]}
    assert hosts["cgflow-volume"] == {
        "host_name": HOST,
        "service": "cgflow-volume",
        "zone": "nova",
        "service-status": "available",
        "service-state": "enabled",
        "last-update": hosts["cgflow-volume"]["last-update"],
    }


def test_what_a_host_holds(caller: Caller) -> None:
    name = caller.type()
    group_id = caller.group(name)
    for size in (2, 3):
        caller.member(group_id, name, size=size)
    caller.cgsnapshot(group_id)
    loads = [line["resource"] for line in caller.get(f"/os-hosts/{HOST}").json["host"]]
    mine = next(load for load in loads if load["project"] == caller.project)
    assert mine == {
        "host": HOST,
        "project": caller.project,
        "volume_count": "2",
        "total_volume_gb": "5",
        "snapshot_count": "2",
        "total_snapshot_gb": "5",
    }
    total, *each = loads
    assert total["project"] == "(total)"
    for key in ("volume_count", "total_volume_gb", "snapshot_count", "total_snapshot_gb"):
        assert int(total[key]) == sum(int(load[key]) for load in each)


def test_capabilities_are_those_of_the_pool(caller: Caller) -> None:
    (pool,) = caller.get(f"/scheduler-stats/get_pools?detail=True&name={HOST}%23memory").json["pools"]
    for host in (HOST, f"{HOST}%23memory"):
        found = caller.get(f"/capabilities/{host}").json
        assert found["namespace"] == f"OS::Storage::Capabilities::{HOST}"
        for name in ("vendor_name", "storage_protocol", "driver_version", "volume_backend_name"):
            assert found[name] == pool["capabilities"].get(name)
    assert caller.get("/scheduler-stats/get_pools?name=other").json == {"pools": []}


def test_they_are_for_administrators(member: Caller) -> None:
    for answer in (
        member.get("/os-services"),
        member.put("/os-services/disable", VOLUME),
        member.get("/os-hosts"),
        member.get(f"/os-hosts/{HOST}"),
        member.get(f"/capabilities/{HOST}"),
    ):
        refused(answer, 403, "forbidden")
