"""Snapshots: ``/snapshots``. They come and go with their cgsnapshots, and can be read one by one."""

from __future__ import annotations

from typing import Any, NoReturn

from flask.views import MethodView

from api import answers, connections
from api.auth import authorize, authorize_on, permitted
from api.blueprint import Blueprint
from api.schemas import snapshot as schemas
from api.schemas.action import ConnectionInfoOut, SnapshotActionIn
from api.schemas.listing import SnapshotListIn
from cgflow.db.repositories import snapshot as snapshots
from cgflow.db.repositories.paging import ListQuery
from cgflow.errors import InvalidInput, InvalidState

blueprint = Blueprint("snapshots", "The members' copies inside cgsnapshots.")

_ACTIONS = {
    "connect": "volume_extension:snapshot_actions:initialize_connection",
    "disconnect": "volume_extension:snapshot_actions:terminate_connection",
}


@blueprint.route("/snapshots")
class Snapshots(MethodView):
    """All of them, in short."""

    @blueprint.takes(SnapshotListIn, location="query")
    @blueprint.gives(200, schemas.RefPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List snapshots, the newest first."""
        authorize("volume:get_all_snapshots")
        return answers.page("snapshots", snapshots.page, query)

    @blueprint.refuses()
    def post(self) -> NoReturn:
        """Refuse to copy a single volume, which is not offered."""
        authorize("volume:create_snapshot")
        raise InvalidInput(
            "Snapshots of a single volume are not supported yet; take a cgsnapshot of its consistency group."
        )


@blueprint.route("/snapshots/detail")
class SnapshotDetails(MethodView):
    """All of them, in full."""

    @blueprint.takes(SnapshotListIn, location="query")
    @blueprint.gives(200, schemas.ShowPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List snapshots in full, the newest first."""
        authorize("volume:get_all_snapshots")
        return answers.page("snapshots", snapshots.page, query)


@blueprint.route("/snapshots/<snapshot_id>")
class Snapshot(MethodView):
    """One of them."""

    @blueprint.gives(200, schemas.ShowEnvelope, 404)
    def get(self, snapshot_id: str) -> dict[str, object]:
        """Show a snapshot."""
        return {"snapshot": permitted("volume:get_snapshot", snapshots.get, snapshot_id)}

    @blueprint.refuses(404)
    def delete(self, snapshot_id: str) -> NoReturn:
        """Refuse to take one copy out of a cgsnapshot, which would no longer be whole."""
        permitted("volume:delete_snapshot", snapshots.get, snapshot_id)
        raise InvalidState(
            f"Invalid snapshot: Snapshot {snapshot_id} is part of a cgsnapshot "
            "and has to be deleted together with the cgsnapshot."
        )


@blueprint.route("/snapshots/<snapshot_id>/action")
class SnapshotAction(MethodView):
    """What can be done with one."""

    @blueprint.takes(SnapshotActionIn)
    @blueprint.gives(202)
    @blueprint.gives(200, ConnectionInfoOut, 404, 409)
    def post(self, body: dict[str, Any], snapshot_id: str) -> Any:
        """Make a snapshot readable and learn its address (200), or withdraw it again (202)."""
        authorize_on(_ACTIONS[next(iter(body))], snapshots.get, snapshot_id)
        if "connect" in body:
            return {"connection_info": connections.connect_snapshot(snapshot_id)}
        connections.disconnect_snapshot(snapshot_id)
        return answers.empty()
