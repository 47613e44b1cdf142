"""Attachments: ``/attachments``."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.views import MethodView

from api import responses, volume_connections
from api.auth.authorization import authorize, authorize_resource, read_authorized
from api.blueprint import Blueprint
from api.request_scope import caller, runtime
from api.schemas import attachment as schemas
from cgflow.db.repositories import attachment as attachments
from cgflow.db.repositories import volume as volumes
from cgflow.db.repositories.paging import ListQuery
from flows.attachment import lifecycle

blueprint = Blueprint("attachments", "Attachments of volumes to servers and hosts.")

_SINCE, _COMPLETE_SINCE = 27, 44


@blueprint.since(_SINCE)
@blueprint.route("/attachments")
class Attachments(MethodView):
    """The list of attachments, as summaries."""

    @blueprint.takes(schemas.AttachmentListIn, location="query")
    @blueprint.gives(200, schemas.RefPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List attachments, the newest first."""
        authorize("volume:attachment_get_all")
        return responses.page_response("attachments", attachments.page, query, has_links=False)

    @blueprint.takes(schemas.AttachmentCreateIn)
    @blueprint.gives(200, schemas.ShowEnvelope, 404, 409)
    def post(self, body: dict[str, Any]) -> dict[str, object]:
        """Reserve a volume; with a connector, also return how to connect to it."""
        authorize_resource("volume:attachment_create", volumes.get, body["volume_id"])
        connector = body.pop("connector")
        connection = volume_connections.connect_volume(body["volume_id"]) if connector else None
        made = lifecycle.create(runtime(), caller(), **body, connector=connector or {}, connection=connection)
        return _attachment_body(made)


@blueprint.since(_SINCE)
@blueprint.route("/attachments/detail")
class AttachmentDetails(MethodView):
    """The list of attachments in full."""

    @blueprint.takes(schemas.AttachmentListIn, location="query")
    @blueprint.gives(200, schemas.ShowPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List attachments in full, the newest first."""
        authorize("volume:attachment_get_all")
        return responses.page_response("attachments", attachments.page, query, has_links=False)


@blueprint.since(_SINCE)
@blueprint.route("/attachments/<attachment_id>")
class Attachment(MethodView):
    """One attachment."""

    @blueprint.gives(200, schemas.ShowEnvelope, 404)
    def get(self, attachment_id: str) -> dict[str, object]:
        """Show an attachment."""
        return {"attachment": read_authorized("volume:attachment_get", attachments.get, attachment_id)}

    @blueprint.takes(schemas.AttachmentUpdateIn)
    @blueprint.gives(200, schemas.ShowEnvelope, 404, 409)
    def put(self, body: dict[str, Any], attachment_id: str) -> dict[str, object]:
        """State the client that connects, and return how to connect to the volume."""
        found = read_authorized("volume:attachment_update", attachments.get, attachment_id)
        connection = volume_connections.connect_volume(found.volume_id)
        lifecycle.connect(runtime(), caller(), attachment_id, body["connector"], connection)
        return _attachment_body(attachment_id)

    @blueprint.gives(200, schemas.RemainingAttachments, 404, 409)
    def delete(self, attachment_id: str) -> dict[str, object]:
        """Delete an attachment; the response lists those that its volume still has."""
        authorize_resource("volume:attachment_delete", attachments.get, attachment_id)
        return {"attachments": lifecycle.delete(runtime(), caller(), attachment_id)}


@blueprint.since(_COMPLETE_SINCE)
@blueprint.route("/attachments/<attachment_id>/action")
class AttachmentAction(MethodView):
    """An action on an attachment."""

    @blueprint.takes(schemas.AttachmentActionIn)
    @blueprint.gives(204, None, 404, 409)
    def post(self, _body: dict[str, Any], attachment_id: str) -> Response:
        """State that the volume is in use now."""
        authorize_resource("volume:attachment_complete", attachments.get, attachment_id)
        lifecycle.complete(runtime(), caller(), attachment_id)
        return Response(status=204)


def _attachment_body(attachment_id: str) -> dict[str, object]:
    with runtime().database.read() as session:
        return {"attachment": attachments.get(session, attachment_id, caller().scope)}
