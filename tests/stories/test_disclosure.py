"""What a member can read of an operation's failure reveals nothing about hosts; administrators read all."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from api import versions
from api.app import create_app
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.engine import conductor
from cgflow.errors import FinalDriverError
from flows.catalog import OPERATIONS
from tests.stories.points_of_no_return import turning_step
from tests.stories.scripts import SCRIPTS
from tests.support.failing_steps import StepPoint, inject_step_faults
from tests.support.world import CALLER, HOST, World, world

LISTS = ("consistencygroups", "cgsnapshots", "volumes", "snapshots")


class Failing(Exception):
    """A realistic error, whose message has every kind of internal detail."""


def words(w: World, folder: Path) -> str:
    return (
        f"{HOST}#pool on {socket.gethostname()}: {w.service.conductor.name} cannot open '{folder}/a.qcow2', "
        f"see {folder}, file={folder}/x and nbd+unix:///v?socket={folder}/s.sock; elsewhere@memory too."
    )


def readable(client: FlaskClient, flow_id: str, roles: str) -> Iterator[Any]:
    """Yield every response that shows a flow, its resource or its messages."""
    headers = {
        "X-Auth-Token": f"eve:{CALLER.project_id}",
        "X-Roles": roles,
        versions.HEADER: "volume 3.65, cgflow 1.0",
    }
    paths = [
        "/flows",
        f"/flows/{flow_id}",
        f"/flows/{flow_id}/events",
        f"/flows/{flow_id}/graph",
        "/messages",
    ]
    for noun in LISTS:
        paths += [f"/{noun}", f"/{noun}/detail"]
    for path in paths:
        answer = client.get(f"/v3/{CALLER.project_id}{path}", headers=headers)
        assert answer.status_code == 200, answer.text
        yield answer.text
        for message in (answer.json or {}).get("messages", ()) if path == "/messages" else ():
            yield client.get(f"/v3/messages/{message['id']}", headers=headers).text


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_a_member_reads_nothing_of_the_machines(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = SCRIPTS[operation]
    monkeypatch.setattr(conductor, "UNDO_ATTEMPTS", 0)
    with inject_step_faults(monkeypatch) as sabotage, world(tmp_path, MemoryDriver()) as w:
        w.quota(volumes=-1, snapshots=-1, gigabytes=-1, consistencygroups=-1)
        client = create_app(w.runtime).test_client()
        told = words(w, tmp_path)

        def fails_forward(point: StepPoint) -> bool:
            return point == StepPoint(turning_step(operation), "execute", "before")

        for has_failing_undo in (False, True):
            failed: list[str] = []

            def meet(point: StepPoint, undo: bool = has_failing_undo, failed: list[str] = failed) -> None:
                if fails_forward(point) and not failed:
                    failed.append("execute")
                    raise FinalDriverError(told)
                if undo and failed and point.phase == "revert" and point.when == "before":
                    raise Failing(told)

            target = script.arrange(w)
            monkeypatch.setattr(sabotage, "meet", meet)
            flow = w.finish(script.act(w, target))
            monkeypatch.setattr(sabotage, "meet", lambda _: None)
            secrets = (HOST, "elsewhere@memory", w.service.conductor.name, str(tmp_path), tmp_path.name)
            for text in readable(client, flow.id, "member"):
                assert not [secret for secret in secrets if secret in text]
                assert not re.search(rf"(?<![\w-]){re.escape(socket.gethostname())}(?![\w-])", text)
            if failed and flow.reason:
                assert json.dumps(told)[1:-1] in "".join(readable(client, flow.id, "admin"))
