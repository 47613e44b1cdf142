from __future__ import annotations

from dataclasses import fields as fields_of
from datetime import datetime
from types import SimpleNamespace

import pytest
from marshmallow import Schema, fields, missing

from api.schemas.fast_dump import FastDump
from api.schemas.fields import Timestamp
from api.schemas.flow import EventOut, TaskOut
from cgflow.atom_states import AtomState, Execution, Undo
from cgflow.records import FlowEvent

AT = datetime(2026, 11, 22, 10, 19, 45)  # noqa: DTZ001 - moments are UTC without a zone
VALUES = {
    "at": AT,
    "started_at": AT,
    "ended_at": None,
    "seq": 7,
    "flow_id": "f",
    "atom": "driver.cut",
    "state": "FAILURE",
    "from_state": None,
    "to_state": "FAILURE",
    "attempt": 2,
    "attempts": 2,
    "duration_ms": 1.5,
    "conductor": "here:1",
    "detail": {"failure": {"message": "no"}},
    "updated_at": AT,
    "execution": Execution.FAILED,
    "result": None,
    "failure": {"message": "no"},
    "undo": Undo.SKIPPED,
    "undo_attempts": 1,
    "undo_duration_ms": 0.5,
    "undo_failure": {"message": "busy"},
    "skipped": {"by": "ada", "reason": "seen to"},
    "is_taken_over": False,
}


@pytest.mark.parametrize(("schema", "record"), [(EventOut, FlowEvent), (TaskOut, AtomState)])
@pytest.mark.parametrize("shows_hosts", [True, False])
def test_a_body_is_the_one_that_marshmallow_would_make(
    schema: type[FastDump], record: type, shows_hosts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.auth.authorization.shows_field", lambda _: shows_hosts)
    monkeypatch.setattr("api.disclosure.runtime", lambda: SimpleNamespace(drivers={"here@memory": None}))
    it = record(**{field.name: VALUES[field.name] for field in fields_of(record)})
    assert schema().dump(it) == Schema.dump(schema(), it)
    assert schema().dump([it, it], many=True) == [schema().dump(it)] * 2
    assert schema(many=True).dump([it]) == [schema().dump(it)]


def test_a_field_decides_by_itself_whether_there_is_anything_to_show() -> None:
    class Often(FastDump):
        at = Timestamp()
        number = fields.Integer(data_key="no")
        half = fields.Function(lambda it: it.number / 2 if it.number else missing)

    class It:
        at = AT
        number = 4

    body = {"at": "2026-11-22T10:19:45.000000", "no": 4, "half": 2.0}
    assert Often().dump(It()) == body
    It.number = 0
    assert Often().dump(It()) == {"at": body["at"], "no": 0}


def test_what_a_record_does_not_have_is_no_empty_place() -> None:
    with pytest.raises(AttributeError):
        TaskOut().dump(object())
