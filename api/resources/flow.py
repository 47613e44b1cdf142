"""Flows: ``/flows``, the state and the history of operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response
from flask.views import MethodView

from api import flow_events, responses
from api.auth.authorization import authorize, authorize_resource, read_authorized
from api.blueprint import Blueprint
from api.request_scope import caller, runtime
from api.schemas import flow as schemas
from api.schemas.action import FlowActionIn
from api.schemas.list_query import FlowListIn
from cgflow.db.repositories import flow as flows
from cgflow.db.repositories.paging import ListQuery
from flows import draw, flow_actions

ACTIONS: dict[str, Callable[..., None]] = {
    "retry": flow_actions.retry,
    "skip": flow_actions.skip,
    "abandon": flow_actions.abandon,
    "cancel": flow_actions.cancel,
    "resume": flow_actions.resume,
}

blueprint = Blueprint("flows", "Operations: their state, their tasks, their history.", is_own=True)


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
    def get(self, flow_id: str) -> dict[str, object]:
        """Show a flow with its tasks, and with its leftovers if the rollback failed."""
        authorize_resource("flow:get", flows.get, flow_id)
        return {"flow": flow_events.trace(flow_id)}


@blueprint.route("/flows/<flow_id>/action")
class FlowAction(MethodView):
    """A flow action."""

    @blueprint.takes(FlowActionIn)
    @blueprint.accepts(None, 403, 404, 409)
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
        return {"events": flow_events.events(flow_id, **query)}


@blueprint.route("/flows/<flow_id>/graph")
class FlowGraph(MethodView):
    """The graph of a flow."""

    @blueprint.gives(200, schemas.GRAPH_TEXT, 404, content_type=schemas.GRAPH)
    def get(self, flow_id: str) -> Response:
        """Draw a flow in the DOT language."""
        flow = read_authorized("flow:get_graph", flows.get, flow_id)
        return Response(draw.dot(flow.operation, flow.shape), mimetype=schemas.GRAPH)
