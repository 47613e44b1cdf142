"""The audit over HTTP: findings, dry runs, repairs, and permissions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cgflow.audit.findings import KINDS
from cgflow.drivers.contract import SupportsDetailedInventory
from flows.acceptance import new_id
from tests.functional.caller import Caller, check_bad_request, check_fault
from tests.support.cost_measurement import measure_cost
from tests.support.planted_drift import VolumeSpec, write_columns
from tests.support.world import HOST, World


def findings(caller: Caller, query: str = "") -> list[dict[str, Any]]:
    answer = caller.get(f"/audit{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json["audit"]["findings"]
    return found


def repaired(caller: Caller, *wanted: str, **more: object) -> dict[str, Any]:
    answer = caller.post("/audit", {"repair": list(wanted), **more})
    assert answer.status_code == 200, answer.text
    audit: dict[str, Any] = answer.json["audit"]
    return audit


def test_what_is_in_order(caller: Caller) -> None:
    audit = caller.get("/audit").json["audit"]
    assert audit["findings"] == []
    assert audit["backends"] == [{"name": HOST, "compared": True, "reason": None}]
    assert "repairs" not in audit


def test_an_orphan_is_told_of_and_removed_when_it_is_named(caller: Caller, served: World) -> None:
    volume_id = new_id()
    served.driver.create_volume(VolumeSpec(volume_id, 1))
    (found,) = findings(caller)
    kind = KINDS["volume.orphan"]
    assert found == {
        "id": f"volume.orphan:{volume_id}",
        "code": "volume.orphan",
        "resource_type": "volume",
        "resource_id": volume_id,
        "name": None,
        "backend": HOST,
        "message": f"Backend {HOST} has a volume {volume_id}, which no record and no open flow knows.",
        "meaning": kind.means,
        "repair": kind.repair,
        "repairable": True,
        "safe": False,
    }
    assert findings(caller, f"?backend={HOST}") == [found]
    planned = repaired(caller, "volume.orphan")
    assert [one["state"] for one in planned["repairs"]] == ["planned"]
    assert repaired(caller, "safe", dry_run=False)["repairs"] == []
    (one,) = repaired(caller, found["id"], dry_run=False)["repairs"]
    assert (one["finding_id"], one["state"], one["reason"]) == (found["id"], "accepted", None)
    flow = caller.flow_ended(one["flow_id"])
    assert (flow["operation"], flow["state"], flow["resource_id"]) == ("audit.remove", "success", volume_id)
    assert findings(caller) == []


def test_a_record_is_mended_at_once(caller: Caller, served: World) -> None:
    volume_id = caller.volume()
    write_columns(served, "volume", volume_id, status="extending")
    (one,) = repaired(caller, "status.passing", dry_run=False, backend=None)["repairs"]
    assert (one["state"], one["flow_id"]) == ("done", None)
    assert caller.get(f"/volumes/{volume_id}").json["volume"]["status"] == "available"
    assert findings(caller) == []


def test_what_nobody_understands_is_refused(caller: Caller) -> None:
    assert "'nonsense'" in check_bad_request(caller.post("/audit", {"repair": ["nonsense"]}), "repair")
    assert "Name what to repair" in check_bad_request(caller.post("/audit", {"repair": []}), "repair")
    check_bad_request(caller.post("/audit", {"repair": ["safe"], "dry_run": "perhaps"}), "dry_run")
    gone = f"volume.orphan:{new_id()}"
    assert gone in check_fault(caller.post("/audit", {"repair": [gone]}), 404, "itemNotFound")
    for answer in (
        caller.get("/audit?backend=nowhere"),
        caller.post("/audit", {"repair": "safe", "backend": "x"}),
    ):
        assert "could not be found" in check_fault(answer, 404, "itemNotFound")


@pytest.mark.parametrize(("role", "looks", "repairs"), [("auditor", 200, 403), ("member", 403, 403)])
def test_who_may(caller: Caller, role: str, looks: int, repairs: int) -> None:
    other = Caller(caller._client, caller.project, user="eve", roles=role)
    assert other.get("/audit").status_code == looks
    assert other.post("/audit", {"repair": ["safe"]}).status_code == repairs


def test_an_auditor_is_told_no_paths(caller: Caller, served: World, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = "volume 1 has lost data: /var/lib/cgflow/qsd/homes/1/L1.qcow2 is gone"
    assert isinstance(served.driver, SupportsDetailedInventory)
    seen_now = served.driver.detail()
    broken = replace(seen_now, inventory=replace(seen_now.inventory, problems=(problem,)))
    monkeypatch.setattr(served.driver, "detail", lambda: broken)
    (seen,) = findings(caller)
    assert problem in seen["message"]
    (seen,) = findings(Caller(caller._client, caller.project, user="eve", roles="auditor"))
    assert (seen["code"], seen["backend"]) == ("backend.problem", HOST)
    assert "volume 1 has lost data: (path) is gone" in seen["message"]
    assert HOST not in seen["message"]


def test_a_look_costs_the_same_whatever_there_is(caller: Caller, served: World) -> None:
    with measure_cost(served.database, only_here=True) as few:
        findings(caller)
    for _ in range(3):
        caller.snapshot(caller.volume())
    with measure_cost(served.database, only_here=True) as many:
        findings(caller)
    assert (many.statements, many.commits) == (few.statements, 0)
