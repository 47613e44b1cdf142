"""``cgflow audit``: its requests, output and exit codes."""

from __future__ import annotations

import json
from typing import Any

from cgflow.cli.exit_codes import ExitCode
from tests.support.canned_service import CannedService
from tests.support.cgflow_command import CgflowCommand
from tests.support.wire_events import FLOW

FOUND: dict[str, Any] = {
    "id": "volume.orphan:v1",
    "code": "volume.orphan",
    "message": "The backend has v1.",
    "meaning": "Nobody knows it.",
    "repair": "It is removed.",
    "repairable": True,
    "safe": False,
}
BACKENDS = [{"name": "here@qsd", "compared": False, "reason": "It is down."}]
AUDIT = {"at": "2026-01-01T00:00:00", "findings": [FOUND], "backends": BACKENDS}
CLEAN = {**AUDIT, "findings": []}
REPAIR = {"finding_id": FOUND["id"], "state": "accepted", "flow_id": FLOW, "reason": None}


def test_drift_is_told_by_the_exit_code(service: CannedService, cgflow: CgflowCommand) -> None:
    service.plays("GET", "/audit", {"audit": AUDIT})
    told = cgflow("audit", "--backend", "here@qsd")
    assert told.exit_code == ExitCode.DRIFT
    assert service.asked[0].query == {"backend": "here@qsd"}
    for words in (
        "here@qsd: not compared. It is down.",
        "volume.orphan (1)",
        FOUND["id"],
        "only if named",
    ):
        assert words in told.stdout
    assert json.loads(cgflow("--json", "audit").stdout) == {"audit": AUDIT}


def test_no_drift(service: CannedService, cgflow: CgflowCommand) -> None:
    service.plays("GET", "/audit", {"audit": CLEAN})
    told = cgflow("audit")
    assert (told.exit_code, "Nothing differs." in told.stdout) == (ExitCode.SUCCESS, True)


def test_repair_is_only_told_unless_it_is_applied(service: CannedService, cgflow: CgflowCommand) -> None:
    planned = {**REPAIR, "state": "planned", "flow_id": None, "reason": "It is removed."}
    service.plays("POST", "/audit", {"audit": {**AUDIT, "repairs": [planned]}})
    told = cgflow("audit", "--repair", "volume.orphan", "--repair", "safe")
    assert told.exit_code == ExitCode.DRIFT
    asked = {"repair": ["volume.orphan", "safe"], "dry_run": True}
    unsaid = {"backend": None, "project_id": None, "volume_type": None}
    assert service.asked[0].body == asked | unsaid
    assert "volume.orphan:v1: planned. It is removed." in told.stdout


def test_adoption_names_the_project_and_the_type(service: CannedService, cgflow: CgflowCommand) -> None:
    service.plays("POST", "/audit", {"audit": {**AUDIT, "repairs": []}})
    cgflow("audit", "--repair", "adopt", "--into-project", "p", "--type", "gold")
    assert service.asked[0].body["repair"] == ["adopt"]
    assert (service.asked[0].body["project_id"], service.asked[0].body["volume_type"]) == ("p", "gold")


def test_what_is_applied_is_seen_to_its_end_and_looked_at_again(
    service: CannedService, cgflow: CgflowCommand
) -> None:
    service.plays("POST", "/audit", {"audit": {**AUDIT, "repairs": [REPAIR]}})
    service.plays("GET", f"/flows/{FLOW}/events", {"events": []})
    service.plays(
        "GET", f"/flows/{FLOW}", {"flow": {"id": FLOW, "operation": "audit.remove", "state": "success"}}
    )
    service.plays("GET", "/audit", {"audit": CLEAN})
    told = cgflow("audit", "--repair", FOUND["id"], "--apply")
    assert told.exit_code == ExitCode.SUCCESS
    assert service.requests("POST", "/audit")[0].body["dry_run"] is False
    for words in (f"accepted by flow {FLOW}", f"Flow {FLOW} (audit.remove): success.", "Nothing differs."):
        assert words in told.stdout


def test_apply_needs_to_be_told_what(cgflow: CgflowCommand) -> None:
    assert cgflow("audit", "--apply").exit_code == ExitCode.USAGE


def test_what_waits_for_another_repair_is_asked_for_again(
    service: CannedService, cgflow: CgflowCommand
) -> None:
    second, gone = {**FOUND, "id": "volume.orphan:v2"}, {**FOUND, "id": "volume.orphan:v3"}
    later = [{**REPAIR, "finding_id": one["id"], "state": "later", "flow_id": None} for one in (second, gone)]
    found = {**AUDIT, "findings": [FOUND, second, gone]}
    service.plays("POST", "/audit", {"audit": {**found, "repairs": [REPAIR, *later]}})
    service.plays("POST", "/audit", {"audit": {**AUDIT, "repairs": [{**REPAIR, "finding_id": second["id"]}]}})
    service.plays("GET", f"/flows/{FLOW}/events", {"events": []})
    service.plays(
        "GET", f"/flows/{FLOW}", {"flow": {"id": FLOW, "operation": "audit.remove", "state": "success"}}
    )
    service.plays("GET", "/audit", {"audit": {**AUDIT, "findings": [second]}})
    service.plays("GET", "/audit", {"audit": CLEAN})
    told = cgflow.json("audit", "--repair", "volume.orphan", "--apply")
    asked = [each.body["repair"] for each in service.requests("POST", "/audit")]
    assert asked == [["volume.orphan"], [second["id"]]], "what has gone by itself is not asked for"
    states = {one["finding_id"]: one["state"] for one in told["audit"]["repairs"]}
    assert states == {FOUND["id"]: "accepted", second["id"]: "accepted", gone["id"]: "later"}
    assert (len(told["flows"]), told["left"]["findings"]) == (2, [])


def test_a_finding_that_is_not_there_is_refused(service: CannedService, cgflow: CgflowCommand) -> None:
    service.refuses("POST", "/audit", 404, "itemNotFound", "There is no finding 'volume.orphan:x'.")
    told = cgflow("audit", "--repair", "volume.orphan:x")
    assert told.exit_code == ExitCode.FAILED
    assert told.stderr == "Error: There is no finding 'volume.orphan:x'. (req-1)\n"
