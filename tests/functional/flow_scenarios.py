"""Plays each transition of a flow in a service and reads every view of it."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update
from werkzeug.serving import make_server

from api.app import create_app
from cgflow.atom_states import action_text
from cgflow.db import retention
from cgflow.db.models import Flow
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule, FaultyDriver
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.engine import backoff, conductor
from flows import flow_actions
from tests.functional.caller import Caller
from tests.support.cgflow_command import CgflowCommand
from tests.support.world import World, world

WAIT_S = 60
HANG_S = 600.0
Views = dict[str, str]


@dataclass(frozen=True)
class Theatre:
    """A service over HTTP whose driver has fault injection."""

    world: World
    faults: FaultSchedule
    driver: MemoryDriver
    app: Flask
    url: str


@contextmanager
def theatre(path: Path, driver: MemoryDriver | None = None) -> Iterator[Theatre]:
    """Serve with the state under a path, which may contain an earlier state."""
    inner, faults = driver or MemoryDriver(), FaultSchedule()
    with ExitStack() as stack:
        served = stack.enter_context(world(path, FaultyDriver(inner, faults)))
        # Hanging calls have to continue before the service can stop.
        stack.callback(faults.release_hanging_calls)
        app = create_app(served.runtime)
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        stack.callback(server.server_close)
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        yield Theatre(served, faults, inner, app, f"http://127.0.0.1:{server.server_port}")


class Scene:
    """A group of two members in a new project, and a caller of the service."""

    def __init__(self, at: Theatre, project: str | None = None) -> None:
        self.world, self.faults, self.driver = at.world, at.faults, at.driver
        self.caller = Caller(at.app.test_client(), project)
        self._url = at.url
        self.group_id = self.flow_id = self.resource_id = ""
        self.answer = ""

    def arrange(self) -> None:
        """Create the group."""
        kind = self.caller.type(consistencygroup_support="<is> True")
        self.group_id = self.caller.group(kind)
        self.caller.member(self.group_id, kind)
        self.caller.member(self.group_id, kind)

    def cgsnapshot(self) -> None:
        """Request a cgsnapshot, the operation that the scenarios are about."""
        body = {"cgsnapshot": {"consistencygroup_id": self.group_id}}
        self.ask(self.caller.post("/cgsnapshots", body))
        self.resource_id = str(self.accepted.json["cgsnapshot"]["id"])

    def delete(self) -> None:
        """Request the deletion of the cgsnapshot."""
        self.ask(self.caller.delete(f"/cgsnapshots/{self.resource_id}"))

    def ask(self, answer: Any) -> None:
        """Follow the flow of an accepted operation."""
        assert answer.status_code == 202, answer.text
        self.accepted = answer
        self.flow_id = answer.headers["X-Cgflow-Flow-Id"]

    def ended(self) -> str:
        """Wait until the flow has ended, and return its state."""
        return str(self.caller.flow_ended(self.flow_id)["state"])

    def act(self, action: str, **details: str) -> None:
        """Send a flow action and keep the response."""
        answer = self.caller.post(f"/flows/{self.flow_id}/action", {action: details})
        self.answer = _refusal(answer)

    def wait_for(self, task: str | None, state: str, *, action: str) -> None:
        """Wait until the events contain this action."""
        seq = 0
        for _ in range(WAIT_S):
            events = self.caller.get(f"/flows/{self.flow_id}/events?after={seq}&wait=1").json["events"]
            done = [event["result"] for event in events if (event["task"], event["to"]) == (task, state)]
            if any(isinstance(one, dict) and one.get("action") == action for one in done):
                return
            seq = events[-1]["seq"] if events else seq
        raise AssertionError(f"the history does not tell of {action}")

    def wait_for_reason(self) -> None:
        """Wait until the flow has a reason why it does not end."""
        for _ in range(WAIT_S * 20):
            if self.caller.get(f"/flows/{self.flow_id}").json["flow"]["reason"]:
                return
            self.world.runtime.event_signal.wait(self.flow_id, 9999, 0.05)
        raise AssertionError("nobody noted why the flow does not end")

    def views(self) -> Views:
        """Return what each view shows of the flow and of the resources that it holds."""
        flow = self.caller.get(f"/flows/{self.flow_id}")
        events = self.caller.get(f"/flows/{self.flow_id}/events")
        cgflow = CgflowCommand(self._url)
        of_mine = ("--project", self.caller.project)
        return {
            "flow": _flow_text(flow.json["flow"]) if flow.status_code == 200 else _refusal(flow),
            "events": _events_text(events.json["events"]) if events.status_code == 200 else _refusal(events),
            "show": cgflow(*of_mine, "flow", "show", self.flow_id).output,
            "show events": _unwrapped(cgflow(*of_mine, "flow", "events", self.flow_id).output),
            "audit": self._audit(),
            "resource": self._resource("cgsnapshots", self.resource_id),
            "group": self._resource("consistencygroups", self.group_id),
            "others": self._others(),
            "answer": self.answer,
        }

    def _audit(self) -> str:
        """Return the findings about this scene; the service may contain other scenes."""
        plurals = ("consistencygroups", "cgsnapshots", "volumes", "snapshots", "flows")
        own = {one["id"] for plural in plurals for one in self.caller.get(f"/{plural}").json[plural]}
        found = self.caller.get("/audit").json["audit"]["findings"]
        return "\n".join(f"{one['id']} {one['message']}" for one in found if one["resource_id"] in own)

    def _resource(self, plural: str, id_: str) -> str:
        answer = self.caller.get(f"/{plural}/{id_}")
        if answer.status_code != 200:
            return str(answer.status_code)
        ((_, shown),) = answer.json.items()
        return (
            f"{shown['status']}: {shown['cgflow:reason']}" if shown["cgflow:reason"] else str(shown["status"])
        )

    def _others(self) -> str:
        """Request another cgsnapshot of the group, which needs resources that the flow may hold."""
        answer = self.caller.post("/cgsnapshots", {"cgsnapshot": {"consistencygroup_id": self.group_id}})
        if answer.status_code != 202:
            return _refusal(answer)
        self.caller.done(answer)
        return "202"


def _refusal(answer: Any) -> str:
    """Return the code of a response and its text on one line."""
    return f"{answer.status_code} {' '.join(answer.text.split())}"


def _flow_text(flow: dict[str, Any]) -> str:
    lines = [f"{key}: {flow[key]}" for key in ("state", "summary", "reason", "cancel_reason", "undo_at")]
    lines += [f"{task['name']}: {task['outcome']}, tries {task['attempts']}" for task in flow["tasks"]]
    lines += [f"action: {action_text(done)}" for done in flow["actions"]]
    lines += [f"{key}: {each['task']}" for key in ("leftovers", "removed") for each in flow[key]]
    return "\n".join(lines)


def _events_text(events: list[dict[str, Any]]) -> str:
    return "\n".join(
        f"{event['task'] or 'flow'} {event['from']} > {event['to']} "
        f"{json.dumps(event['result'])} {json.dumps(event['failure'])}"
        for event in events
    )


def _unwrapped(table: str) -> str:
    return " ".join(table.split())


class Stage:
    """What a scenario may use: a service, a directory, and patches that end with the scenario."""

    def __init__(self, at: Theatre, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.theatre, self.path, self.patch = at, path, monkeypatch
        self.stack = ExitStack()
        monkeypatch.setattr(conductor, "UNDO_PAUSE_S", 3600)
        monkeypatch.setattr(backoff, "FIRST_PAUSE_S", 0)

    def scene(self) -> Scene:
        """Return a scene with its group."""
        made = Scene(self.theatre)
        made.arrange()
        return made

    def close(self) -> None:
        """Release all hanging calls, and leave the service to the next scenario."""
        self.stack.close()
        self.theatre.faults.release_hanging_calls()
        self.theatre.faults.clear()


Play = Callable[[Stage], Scene]


def accepted(stage: Stage) -> Scene:
    on = stage.scene()
    stage.patch.setattr(on.world.runtime.conductor, "submit_flow", lambda *_: None)
    on.cgsnapshot()
    return on


def running(stage: Stage) -> Scene:
    on = stage.scene()
    _hang_in_the_cut(on)
    return on


def _hang_in_the_cut(on: Scene) -> None:
    on.faults.add_fault(Fault("cut", "hang", deadline_s=HANG_S))
    on.cgsnapshot()
    assert on.faults.await_firings(1, WAIT_S)


def succeeded(stage: Stage) -> Scene:
    on = stage.scene()
    on.cgsnapshot()
    assert on.ended() == "success"
    return on


def undoing(stage: Stage) -> Scene:
    on = stage.scene()
    on.faults.add_fault(Fault("cut", "ambiguous", when="after"))
    on.faults.add_fault(Fault("delete_snapshot", "hang", deadline_s=HANG_S))
    on.cgsnapshot()
    assert on.faults.await_firings(2, WAIT_S)
    return on


def undone(stage: Stage) -> Scene:
    on = stage.scene()
    on.faults.add_fault(Fault("cut", "final"))
    on.cgsnapshot()
    assert on.ended() == "reverted"
    return on


def failed_without_a_message(stage: Stage) -> Scene:
    on = stage.scene()

    def broken(*_: object) -> None:
        raise KeyError("volume")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(on.driver, "cut", broken)
        on.cgsnapshot()
        assert on.ended() == "reverted"
    return on


def retried_in_process(stage: Stage) -> Scene:
    on = succeeded(stage)
    on.faults.add_fault(Fault("delete_snapshot", "final"))
    on.delete()
    assert on.ended() == "success"
    return on


def not_deleted(stage: Stage) -> Scene:
    on = succeeded(stage)
    on.faults.add_fault(Fault("delete_snapshot", "final", times=None))
    on.delete()
    assert on.ended() == "reverted"
    return on


def begun_again(stage: Stage) -> Scene:
    """Copy the disk state while a step is running, as a crash would leave it, and serve the copy."""
    before, after = stage.path / "before", stage.path / "after"
    before.mkdir()
    after.mkdir()
    first = Scene(stage.stack.enter_context(theatre(before)))
    first.arrange()
    _hang_in_the_cut(first)
    with (
        closing(sqlite3.connect(before / "cgflow.db")) as old,
        closing(sqlite3.connect(after / "cgflow.db")) as new,
    ):
        old.backup(new)
    on = Scene(stage.stack.enter_context(theatre(after, first.driver)), first.caller.project)
    for name in ("group_id", "flow_id", "resource_id"):
        setattr(on, name, getattr(first, name))
    assert on.ended() == "success"
    return on


def cancel_accepted(stage: Stage) -> Scene:
    on = running(stage)
    on.act("cancel", reason="wrong group")
    # The conductor stores the event with its next save, or a moment later.
    on.wait_for(None, "running", action="cancel")
    return on


def cancelled_twice(stage: Stage) -> Scene:
    on = cancel_accepted(stage)
    on.act("cancel", reason="wrong once more")
    on.faults.release_hanging_calls()
    assert on.ended() == "reverted"
    return on


def cancel_accepted_before_the_begin(stage: Stage) -> Scene:
    on = accepted(stage)
    on.act("cancel", reason="wrong group")
    return on


def cancelled(stage: Stage) -> Scene:
    on = cancel_accepted(stage)
    on.faults.release_hanging_calls()
    assert on.ended() == "reverted"
    return on


def cancel_refused(stage: Stage) -> Scene:
    on = succeeded(stage)
    on.act("cancel", reason="too late")
    return on


def undo_failed(stage: Stage) -> Scene:
    on = stage.scene()
    on.faults.add_fault(Fault("cut", "ambiguous", when="after"))
    on.faults.add_fault(Fault("delete_snapshot", "final", times=None))
    on.cgsnapshot()
    assert on.ended() == "rollback_failed"
    return on


def automatic_retry(stage: Stage) -> Scene:
    on = undo_failed(stage)
    on.faults.clear()
    on.faults.add_fault(Fault("delete_snapshot", "hang", deadline_s=HANG_S))
    flow_actions.retry_automatically(on.world.runtime, on.flow_id)
    assert on.faults.await_firings(1, WAIT_S)
    return on


def undo_failed_for_good(stage: Stage) -> Scene:
    stage.patch.setattr(conductor, "UNDO_ATTEMPTS", 0)
    return undo_failed(stage)


def retried(stage: Stage) -> Scene:
    on = undo_failed_for_good(stage)
    on.faults.clear()
    on.act("retry")
    assert on.ended() == "reverted"
    return on


def skip_refused(stage: Stage) -> Scene:
    on = undo_failed_for_good(stage)
    on.act("skip", task="driver.cut.x", reason="seen to")
    return on


def skipped(stage: Stage) -> Scene:
    on = undo_failed_for_good(stage)
    while on.ended() == "rollback_failed":
        left = on.caller.get(f"/flows/{on.flow_id}").json["flow"]["leftovers"]
        on.act("skip", task=left[0]["task"], reason="seen to")
    return on


def abandoned(stage: Stage) -> Scene:
    on = undo_failed_for_good(stage)
    on.act("abandon", reason="cannot mend tonight")
    return on


def removed_since(stage: Stage) -> Scene:
    on = abandoned(stage)
    on.faults.clear()
    flow_id = on.flow_id
    on.delete()
    assert on.ended() == "success"
    on.flow_id = flow_id
    return on


def resumed(stage: Stage) -> Scene:
    on = stage.scene()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(on.world.runtime.conductor, "submit_flow", lambda *_: None)
        on.cgsnapshot()
    on.act("resume")
    assert on.ended() == "success"
    return on


def fails_behind_the_commit(stage: Stage) -> Scene:
    """Restore the group to the cgsnapshot, with a driver that cannot discard the previous content."""
    on = succeeded(stage)
    stage.patch.setattr(backoff, "FIRST_PAUSE_S", 0.001)
    stage.patch.setattr(backoff, "LONGEST_PAUSE_S", 1)
    on.faults.add_fault(Fault("finish_restore", "final", times=None))
    body = {"revert_to_cgsnapshot": {"cgsnapshot_id": on.resource_id}}
    on.ask(on.caller.post(f"/consistencygroups/{on.group_id}/action", body))
    on.wait_for_reason()
    on.act("cancel", reason="too late")
    return on


def held(stage: Stage) -> Scene:
    """Leave the flow as one that a release with another version of the operation accepted."""
    on = stage.scene()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(on.world.runtime.conductor, "submit_flow", lambda *_: None)
        on.cgsnapshot()
    with on.world.database.write() as session:
        session.execute(update(Flow).where(Flow.id == on.flow_id).values(version=99))
    on.world.runtime.conductor.submit_flow(on.flow_id)
    on.wait_for_reason()
    return on


def reset(stage: Stage) -> Scene:
    on = succeeded(stage)
    answer = on.caller.at(19).post(
        f"/group_snapshots/{on.resource_id}/action", {"reset_status": {"status": "error"}}
    )
    on.answer = _refusal(answer)
    return on


def expired(stage: Stage) -> Scene:
    on = succeeded(stage)
    created = on.flow_id
    on.delete()
    assert on.ended() == "success"
    on.flow_id = created
    with on.world.database.write() as session:
        old = retention.deletable_flows(session, before=None, keep=0, limit=100)
        assert created in old
        retention.delete_flows(session, [created])
    return on


SCENARIOS: dict[str, Play] = {
    "accepted": accepted,
    "running": running,
    "success": succeeded,
    "step retried in process (deletion)": retried_in_process,
    "begun again by another conductor (restart, takeover)": begun_again,
    "cancel accepted, not begun": cancel_accepted_before_the_begin,
    "cancel accepted": cancel_accepted,
    "cancelled": cancelled,
    "cancelled twice": cancelled_twice,
    "cancel refused": cancel_refused,
    "being undone": undoing,
    "undone": undone,
    "undone after an exception without words": failed_without_a_message,
    "deletion failed": not_deleted,
    "undo failed, retried by itself later": undo_failed,
    "undo retried by itself": automatic_retry,
    "undo failed, not retried by itself": undo_failed_for_good,
    "undo retried by an operator": retried,
    "skip refused": skip_refused,
    "steps skipped": skipped,
    "abandoned": abandoned,
    "abandoned, and removed since": removed_since,
    "resumed by an operator": resumed,
    "fails behind the commit, cancel refused (group revert)": fails_behind_the_commit,
    "held": held,
    "status reset": reset,
    "history expired": expired,
}
