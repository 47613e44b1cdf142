"""Schemas of flows, which have no counterpart in Cinder."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields
from marshmallow.validate import Range

from api import request_scope
from api.auth import authorization
from api.disclosure import HostsHiddenField, HostVisibleField, hide_hosts
from api.schemas.base import LONGEST_WAIT_S, page_schema
from api.schemas.fast_dump import FastDump
from api.schemas.fields import MAX_INT, Timestamp
from cgflow.policies.volumes import HOST
from cgflow.records import Flow, FlowEvent

_MOST_EVENTS = 1000


class EventListIn(Schema):
    """Which events to return, and how many seconds to wait for the first."""

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    after = fields.Integer(load_default=0, validate=Range(0, MAX_INT))
    wait = fields.Float(load_default=0.0, validate=Range(0, LONGEST_WAIT_S))
    limit = fields.Integer(load_default=_MOST_EVENTS, validate=Range(1, _MOST_EVENTS))


def _result_if_shown(event: FlowEvent) -> object:
    return (event.detail or {}).get("result") if authorization.shows_field(HOST) else None


def _failure_without_hosts(event: FlowEvent) -> object:
    return hide_hosts((event.detail or {}).get("failure"))


class EventOut(FastDump):
    """One transition of a flow (``task`` is null) or of one of its tasks."""

    seq = fields.Integer()
    at = Timestamp()
    atom = fields.String(data_key="task", allow_none=True)
    from_state = fields.String(data_key="from", allow_none=True)
    to_state = fields.String(data_key="to")
    attempt = fields.Integer()
    duration_ms = fields.Float(allow_none=True)
    conductor = HostVisibleField(allow_none=True, metadata={"type": "string"})
    result = fields.Function(_result_if_shown, metadata={"nullable": True})
    failure = fields.Function(_failure_without_hosts, metadata={"nullable": True})


class EventsOut(Schema):
    """Events in order."""

    events = fields.Nested(EventOut, many=True)


class TaskOut(FastDump):
    """The state of one task of a flow. ``outcome`` describes its execution and its undo as text."""

    atom = fields.String(data_key="name")
    state = fields.String()
    updated_at = Timestamp(allow_none=True)
    attempts = fields.Integer()
    started_at = Timestamp(allow_none=True)
    ended_at = Timestamp(allow_none=True)
    execution = fields.String()
    duration_ms = fields.Float(allow_none=True)
    result = HostVisibleField(allow_none=True)
    failure = HostsHiddenField(allow_none=True, metadata={"type": "object"})
    undo = fields.String()
    undo_attempts = fields.Integer()
    undo_duration_ms = fields.Float(allow_none=True)
    undo_failure = HostsHiddenField(allow_none=True, metadata={"type": "object"})
    skipped = HostsHiddenField(allow_none=True, metadata={"type": "object"})
    is_taken_over = fields.Boolean(data_key="taken_over")
    outcome = HostsHiddenField(metadata={"type": "string"})


def _duration_ms(flow: Flow) -> float | None:
    if flow.started_at is None or flow.ended_at is None:
        return None
    return round((flow.ended_at - flow.started_at).total_seconds() * 1000, 3)


def _flow_links(flow: Flow) -> list[dict[str, str]]:
    href = request_scope.absolute_url(f"/flows/{flow.id}")
    parts = (("self", ""), ("events", "/events"), ("graph", "/graph"))
    return [{"rel": rel, "href": href + path} for rel, path in parts]


class FlowOut(FastDump):
    """The summary of a flow."""

    id = fields.String()
    operation = fields.String()
    state = fields.String()
    resource_type = fields.String()
    resource_id = fields.String()
    group_id = fields.String(data_key="consistencygroup_id", allow_none=True)
    project_id = fields.String()
    user_id = fields.String()
    request_id = fields.String()
    version = fields.Integer()
    epoch = fields.Integer()
    conductor = HostVisibleField(allow_none=True, metadata={"type": "string"})
    reason = HostsHiddenField(allow_none=True, metadata={"type": "string"})
    created_at = Timestamp()
    started_at = Timestamp(allow_none=True)
    ended_at = Timestamp(allow_none=True)
    duration_ms = fields.Function(_duration_ms, metadata={"type": "number", "nullable": True})
    links = fields.Function(_flow_links, metadata={"type": "array", "items": {"type": "object"}})


class FlowDetailOut(FlowOut):
    """A flow with its tasks, the flow actions on it, and what a failed rollback left behind.

    ``committed_at`` is when the flow passed its point of no return, after which it is neither cancelled nor
    undone. ``summary`` describes its outcome and what it waits for as text. ``removed`` are leftovers that
    were removed since, each with the flow that removed it. ``undo_at`` is when a failed rollback is retried
    automatically.
    """

    summary = HostsHiddenField(metadata={"type": "string"})
    tasks = fields.Nested(TaskOut, many=True)
    actions = fields.List(HostsHiddenField(metadata={"type": "object"}))
    leftovers = fields.List(HostsHiddenField(metadata={"type": "object"}))
    removed = fields.List(HostsHiddenField(metadata={"type": "object"}))
    skipped = fields.List(HostsHiddenField(metadata={"type": "object"}))
    cancel_reason = HostsHiddenField(allow_none=True, metadata={"type": "string"})
    undo_attempts = fields.Integer()
    committed_at = Timestamp(allow_none=True)
    undo_at = Timestamp(allow_none=True)


class FlowEnvelope(Schema):
    """One flow."""

    flow = fields.Nested(FlowDetailOut)


GRAPH = "text/vnd.graphviz"
GRAPH_TEXT: dict[str, object] = {"type": "string"}

FlowPage = page_schema("flows", FlowOut)
