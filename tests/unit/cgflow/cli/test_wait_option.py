"""Accepting and waiting: progress, and the exit code of every final state."""

from __future__ import annotations

import json

import pytest

from tests.support import wire_events
from tests.support.canned_service import CannedService
from tests.support.cgflow_command import CgflowCommand
from tests.support.wire_events import FLOW, RESOURCE, EventSequence

GROUP = "90000000-0000-4000-8000-000000000003"
CREATE = ("cgsnapshot", "create", "nightly", "--group", "db")


@pytest.fixture(autouse=True)
def accepting(service: CannedService) -> None:
    service.plays("GET", "/consistencygroups/detail", {"consistencygroups": [{"id": GROUP, "name": "db"}]})
    summary = {"cgsnapshot": {"id": RESOURCE, "name": "nightly"}}
    service.plays("POST", "/cgsnapshots", summary, status=202, flow=FLOW)


def ends(service: CannedService, state: str, story: EventSequence, status: str, **more: object) -> None:
    service.plays_flow(wire_events.flow_body(state, **more), story.move(None, state, 412).events)
    now = {"id": RESOURCE, "name": "nightly", "status": status, "cgflow:reason": more.get("reason")}
    service.plays("GET", f"/cgsnapshots/{RESOURCE}", {"cgsnapshot": now})


def test_accepted_says_how_to_follow(service: CannedService, cgflow: CgflowCommand) -> None:
    ran = cgflow(*CREATE)
    assert ran.exit_code == 0
    assert f"cgflow flow follow {FLOW}" in ran.stdout
    assert service.requests("POST", "/cgsnapshots")[0].body["cgsnapshot"]["consistencygroup_id"] == GROUP


def test_accepted_in_json_has_the_flow(cgflow: CgflowCommand) -> None:
    assert cgflow.json(*CREATE) == {"cgsnapshot": {"id": RESOURCE, "name": "nightly"}, "flow_id": FLOW}


def test_success_is_0_and_shows_progress_and_the_thing(service: CannedService, cgflow: CgflowCommand) -> None:
    ends(service, "success", EventSequence().step("driver.cut", 2, 40), "available")
    ran = cgflow(*CREATE, "--wait")
    assert ran.exit_code == 0, ran.output
    lines = ran.stdout.splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["+0", "ms", "driver.cut", "running"],
        ["+40", "ms", "driver.cut", "done", "40", "ms"],
        ["+410", "ms", "flow", "success"],
        ["cgsnapshot.create", "success", "after", "410", "ms"],
    ]
    assert any(line.split() == ["status", "available"] for line in lines)
    assert ran.stderr == ""


def test_waiting_in_json_is_silent_until_the_end(service: CannedService, cgflow: CgflowCommand) -> None:
    ends(service, "success", EventSequence().step("driver.cut", 2, 40), "available")
    printed = cgflow.json(*CREATE, "--wait")
    assert printed["cgsnapshot"]["status"] == "available"
    assert printed["flow"]["state"] == "success"


def test_rolled_back_is_1_with_the_reason(service: CannedService, cgflow: CgflowCommand) -> None:
    story = (
        EventSequence().fails("driver.cut", 2, 40, "FinalDriverError", "no space").undoes("driver.cut", 50, 3)
    )
    ends(service, "reverted", story, "error", reason="no space")
    ran = cgflow(*CREATE, "--wait")
    assert ran.exit_code == 1
    assert "driver.cut  failed  40 ms  FinalDriverError: no space" in ran.stdout
    assert "driver.cut  undone  3.0 ms" in ran.stdout
    assert "Error: cgsnapshot.create failed and was undone: no space.\n" in ran.stderr
    assert f"cgflow flow show {FLOW}" in ran.stderr


def test_rolled_back_in_json(service: CannedService, cgflow: CgflowCommand) -> None:
    ends(service, "reverted", EventSequence(), "error", reason="no space")
    ran = cgflow("--json", *CREATE, "--wait")
    assert ran.exit_code == 1
    assert json.loads(ran.stdout)["flow"]["state"] == "reverted"
    error = json.loads(ran.stderr)["error"]
    assert (error["code"], error["exit_code"]) == ("flow_reverted", 1)


def test_rollback_failed_is_4_and_lists_what_is_left(service: CannedService, cgflow: CgflowCommand) -> None:
    story = EventSequence().cannot_undo("driver.cut", 8, 3, "image is busy")
    failure = story.events[-1]["failure"]
    left = [{"task": "driver.cut", "state": "REVERT_FAILURE", "failure": failure}]
    ends(service, "rollback_failed", story, "error", reason="no space", leftovers=left)
    ran = cgflow(*CREATE, "--wait")
    assert ran.exit_code == 4
    assert "\n  driver.cut: FinalDriverError: image is busy\n" in ran.stderr
    told_json = json.loads(cgflow("--json", *CREATE, "--wait").stderr)
    assert told_json["error"]["leftovers"] == left


@pytest.mark.parametrize(
    ("state", "more", "words"),
    [
        ("rollback_failed", {}, "it waits for an administrator, and leftovers remain:\n  driver.cut"),
        (
            "rollback_failed",
            {"undo_at": "2026-11-22T10:20:00.000000"},
            "it is retried automatically at 2026-11-22T10:20:00.000000, and leftovers remain:\n  driver.cut",
        ),
        ("abandoned", {}, "it was abandoned, and leftovers remain:\n  driver.cut"),
        ("abandoned", {"leftovers": []}, "it was abandoned, and no leftovers remain.\n"),
    ],
)
def test_what_comes_of_a_failed_undo_is_said(
    service: CannedService, cgflow: CgflowCommand, state: str, more: dict[str, object], words: str
) -> None:
    left = [{"task": "driver.cut", "state": "REVERT_FAILURE", "failure": None}]
    ends(service, state, EventSequence(), "error", **{"reason": "no space", "leftovers": left, **more})
    ran = cgflow(*CREATE, "--wait")
    assert ran.exit_code == 4
    assert words in ran.stderr


def test_a_flow_that_was_undone_but_for_a_skipped_step_says_so(
    service: CannedService, cgflow: CgflowCommand
) -> None:
    ends(service, "reverted", EventSequence(), "error", reason="no space", skipped=[{"task": "driver.cut"}])
    ran = cgflow(*CREATE, "--wait")
    assert ran.exit_code == 1
    assert "Not undone, because an operator skipped it: driver.cut." in ran.stderr


def test_timed_out_is_5(service: CannedService, cgflow: CgflowCommand) -> None:
    service.plays("GET", f"/flows/{FLOW}", {"flow": wire_events.flow_body("running")})
    service.plays("GET", f"/flows/{FLOW}/events", {"events": []})
    ran = cgflow(*CREATE, "--timeout", "0.2", "--wait")
    assert ran.exit_code == 5
    assert "It continues" in ran.stderr


@pytest.mark.parametrize("words", [("--timeout", "5"), ("--wait", "--timeout", "0")])
def test_a_timeout_needs_something_to_time(
    service: CannedService, cgflow: CgflowCommand, words: tuple[str]
) -> None:
    assert cgflow(*CREATE, *words).exit_code == 2
    assert service.asked == [], "nothing was asked for"
