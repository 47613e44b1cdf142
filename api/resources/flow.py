"""Flows: ``/flows``, the state and the history of operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response
from flask.views import MethodView

from api import etags, responses
from api.auth.authorization import authorize, authorize_resource, read_authorized
from api.blueprint import Blueprint
from api.request_scope import caller, runtime
from api.schemas import flow as schemas
from api.schemas.action import FlowActionIn
from api.schemas.list_query import FlowListIn
from cgflow import records
from cgflow.atom_states import AtomState, find_unrecorded_cancel, flow_state_text
from cgflow.db.repositories import flow as flows
from cgflow.db.repositories.paging import ListQuery
from cgflow.status import UNFINISHED
from flows import draw, flow_actions

ACTIONS: dict[str, Callable[..., None]] = {
    "retry": flow_actions.retry,
    "skip": flow_actions.skip,
    "abandon": flow_actions.abandon,
    "cancel": flow_actions.cancel,
    "resume": flow_actions.resume,
}

blueprint = Blueprint("flows", "The flows of operations: state, tasks and history.", is_own=True)


@dataclass(frozen=True, kw_only=True)
class TracedFlow(records.Flow):
    """A flow with the state of each step, the flow actions on it, and the leftovers that are removed."""

    tasks: list[AtomState]
    actions: list[dict[str, Any]]
    removed: list[dict[str, object]]
    summary: str


@blueprint.route("/flows")
class Flows(MethodView):
    """The list of flows."""

    @blueprint.takes(FlowListIn, location="query")
    @blueprint.gives(200, schemas.FlowPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List flows, the newest first."""
        authorize("flow:get_all")
        return responses.page_response("flows", flows.page, query, is_exact=True)


@blueprint.route("/flows/<flow_id>")
class Flow(MethodView):
    """One flow."""

    @blueprint.gives(200, schemas.FlowEnvelope, 404)
    def get(self, flow_id: str) -> dict[str, object] | Response:
        """Show a flow with its tasks, and with its leftovers if the rollback failed."""
        authorize_resource("flow:get", flows.get, flow_id)
        return etags.resource_response("flow", _read_traced_flow(flow_id))


@blueprint.route("/flows/<flow_id>/action")
class FlowAction(MethodView):
    """A flow action."""

    @blueprint.takes(FlowActionIn)
    @blueprint.gives_accepted(None, 403, 404, 409)
    def post(self, body: dict[str, Any], flow_id: str) -> Response:
        """Retry, skip a task of, or abandon a failed rollback; cancel or resume a running flow."""
        ((action, details),) = body.items()
        authorize_resource(f"flow:{action}", flows.get, flow_id)
        ACTIONS[action](runtime(), caller(), flow_id, **(details or {}))
        return responses.empty_response()


@blueprint.route("/flows/<flow_id>/events")
class FlowEvents(MethodView):
    """The events of a flow."""

    @blueprint.takes(schemas.EventListIn, location="query")
    @blueprint.gives(200, schemas.EventsOut, 404)
    def get(self, query: dict[str, Any], flow_id: str) -> dict[str, object]:
        """List the events after ``after``; if there are none yet, wait up to ``wait`` seconds for one."""
        authorize_resource("flow:get_events", flows.get, flow_id)
        return {"events": _wait_for_events(flow_id, **query)}


@blueprint.route("/flows/<flow_id>/graph")
class FlowGraph(MethodView):
    """The graph of a flow."""

    @blueprint.gives(200, schemas.GRAPH_TEXT, 404, content_type=schemas.GRAPH)
    def get(self, flow_id: str) -> Response:
        """Draw a flow in the DOT language."""
        flow = read_authorized("flow:get_graph", flows.get, flow_id)
        return Response(draw.flow_as_dot(flow.operation, flow.shape), mimetype=schemas.GRAPH)


def _read_traced_flow(flow_id: str) -> TracedFlow:
    """Return a flow and its tasks, read in one transaction. Raises: NotFound."""
    with runtime().database.read() as session:
        flow = flows.get(session, flow_id, caller().scope)
        actions = flows.list_flow_actions(session, flow_id)
        if (pending := find_unrecorded_cancel(flow, actions)) is not None:
            actions.append(pending)
        left, removed = flows.split_leftovers(session, flow)
        return TracedFlow(
            **vars(flow) | {"leftovers": left},
            tasks=flows.list_atom_states(session, flow_id),
            actions=actions,
            removed=removed,
            summary=flow_state_text(flow, actions),
        )


def _wait_for_events(flow_id: str, *, after: int, wait: float, limit: int) -> list[records.FlowEvent]:
    """Return a flow's events after ``after``. Raises: NotFound.

    If there are none and the flow has not ended, wait up to ``wait`` seconds for the first.
    """
    found, has_ended = _read_events(flow_id, after, limit)
    if found or has_ended or not wait:
        return found
    # No transaction is open during the wait.
    runtime().event_signal.wait(flow_id, after, wait, caller().project_id)
    return _read_events(flow_id, after, limit)[0]


def _read_events(flow_id: str, after: int, limit: int) -> tuple[list[records.FlowEvent], bool]:
    with runtime().database.read() as session:
        flow = flows.get_summary(session, flow_id, caller().scope)
        return flows.events_after(session, flow_id, after, limit), flow.state not in UNFINISHED
