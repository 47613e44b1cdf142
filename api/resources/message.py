"""Messages: ``/messages``."""

from __future__ import annotations

from flask import Response
from flask.views import MethodView

from api import responses
from api.auth.authorization import authorize, authorize_resource, read_authorized
from api.blueprint import Blueprint
from api.request_scope import caller, runtime
from api.schemas import message as schemas
from cgflow.db.repositories import message as messages
from cgflow.db.repositories.paging import ListQuery

blueprint = Blueprint("messages", "Messages about failed operations.")


@blueprint.since(3)
@blueprint.route("/messages")
class Messages(MethodView):
    """The list of messages."""

    @blueprint.takes(schemas.MessageListIn, location="query")
    @blueprint.gives(200, schemas.ShowPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List messages, the newest first."""
        authorize("message:get_all")
        return responses.page_response("messages", messages.page, query)


@blueprint.since(3)
@blueprint.route("/messages/<message_id>")
class Message(MethodView):
    """One message."""

    @blueprint.gives(200, schemas.ShowEnvelope, 404)
    def get(self, message_id: str) -> dict[str, object]:
        """Show a message."""
        return {"message": read_authorized("message:get", messages.get, message_id)}

    @blueprint.gives(204, None, 404)
    def delete(self, message_id: str) -> Response:
        """Delete a message."""
        authorize_resource("message:delete", messages.get, message_id)
        with runtime().database.write() as session:
            messages.delete(session, message_id, caller().scope)
        return Response(status=204)
