"""Volumes and snapshots on backends that have no record, from 3.8 on: they can be listed but not managed.

A backend identifies a volume by the id of its record, and the driver contract has no call that changes this
id. The id of a deleted record is not free either. So there can be no record for such a volume.
"""

from __future__ import annotations

from typing import Any, NoReturn

from flask.views import MethodView

from api.auth.authorization import authorize
from api.blueprint import Blueprint
from api.request_scope import caller, runtime
from api.schemas import manageable as schemas
from cgflow.db.repositories import backend as backends
from cgflow.db.repositories import volume as volumes
from cgflow.errors import InvalidInput, InvalidState, NotFound
from flows.audit.run import list_orphans

blueprint = Blueprint("manageable", "Volumes and snapshots of backends that have no record.")

_SINCE = 8

REASON = (
    "no record can have the id by which its backend identifies it, and a driver cannot change this id. Copy "
    "its data to a new volume"
)


@blueprint.route("/manageable_volumes")
@blueprint.since(_SINCE)
class ManageableVolumes(MethodView):
    """The list of volumes without a record, as summaries."""

    @blueprint.takes(schemas.ManageableListIn, location="query")
    @blueprint.gives(200, schemas.VolumePage, 403, 404)
    def get(self, query: dict[str, Any]) -> dict[str, object]:
        """List the volumes of a backend that have no record."""
        return _list_orphan_volumes(query)

    @blueprint.takes(schemas.ManageVolumeBody)
    @blueprint.gives(202, schemas.ManagedOut, 403, 404)
    def post(self, body: dict[str, Any]) -> NoReturn:
        """Manage a volume that has no record, which is refused."""
        authorize("volume_extension:volume_manage")
        try:
            _require_backend(body["host"])
        except NotFound as error:
            raise InvalidInput(str(error), "host") from None
        raise InvalidState(f"Invalid volume: it cannot be managed: {REASON}.")


@blueprint.route("/manageable_volumes/detail")
@blueprint.since(_SINCE)
class ManageableVolumeDetails(MethodView):
    """The list of volumes without a record, in full."""

    @blueprint.takes(schemas.ManageableListIn, location="query")
    @blueprint.gives(200, schemas.VolumeDetailPage, 403, 404)
    def get(self, query: dict[str, Any]) -> dict[str, object]:
        """List the volumes of a backend that have no record, in full."""
        return _list_orphan_volumes(query)


@blueprint.route("/manageable_snapshots")
@blueprint.since(_SINCE)
class ManageableSnapshots(MethodView):
    """The list of snapshots without a record, as summaries."""

    @blueprint.takes(schemas.ManageableListIn, location="query")
    @blueprint.gives(200, schemas.SnapshotPage, 403, 404)
    def get(self, query: dict[str, Any]) -> dict[str, object]:
        """List the snapshots of a backend that have no record."""
        return _list_orphan_snapshots(query)

    @blueprint.takes(schemas.ManageSnapshotBody)
    @blueprint.gives(202, schemas.ManagedOut, 403, 404)
    def post(self, body: dict[str, Any]) -> NoReturn:
        """Manage a snapshot that has no record, which is refused."""
        authorize("snapshot_extension:snapshot_manage")
        with runtime().database.read() as session:
            volumes.get(session, body["volume_id"], caller().scope)
        raise InvalidState(f"Invalid snapshot: it cannot be managed: {REASON}.")


@blueprint.route("/manageable_snapshots/detail")
@blueprint.since(_SINCE)
class ManageableSnapshotDetails(MethodView):
    """The list of snapshots without a record, in full."""

    @blueprint.takes(schemas.ManageableListIn, location="query")
    @blueprint.gives(200, schemas.SnapshotDetailPage, 403, 404)
    def get(self, query: dict[str, Any]) -> dict[str, object]:
        """List the snapshots of a backend that have no record, in full."""
        return _list_orphan_snapshots(query)


def _list_orphan_volumes(query: dict[str, Any]) -> dict[str, object]:
    authorize("volume_extension:list_manageable")
    _require_backend(query["host"])
    strays = list_orphans(runtime(), query["host"], "volume.orphan")
    found = [_manageable_body(one.subject, one.facts.get("size")) for one in strays]
    return {schemas.VOLUMES: _sort_and_cut_page(found, query)}


def _list_orphan_snapshots(query: dict[str, Any]) -> dict[str, object]:
    authorize("snapshot_extension:list_manageable")
    _require_backend(query["host"])
    strays = list_orphans(runtime(), query["host"], "snapshot.orphan")
    found = [_manageable_body(one.subject, None) | {"source_reference": None} for one in strays]
    return {schemas.SNAPSHOTS: _sort_and_cut_page(found, query)}


def _require_backend(host: str) -> None:
    with runtime().database.read() as session:
        backends.get(session, host)


def _manageable_body(id_: str, size: int | None) -> dict[str, Any]:
    return {
        "reference": {"source_id": id_},
        "size": size,
        "safe_to_manage": False,
        "reason_not_safe": f"It cannot be managed: {REASON}.",
        "cinder_id": None,
        "extra_info": None,
    }


def _sort_and_cut_page(unsorted: list[dict[str, Any]], query: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the requested page of a list in the requested order. Raises: InvalidInput."""

    def order(one: dict[str, Any]) -> tuple[int, str]:
        return (one["size"] or 0) if query["key"] == "size" else 0, one["reference"]["source_id"]

    found = sorted(unsorted, key=order, reverse=query["descending"])
    if query["marker"] is not None:
        ids = [one["reference"]["source_id"] for one in found]
        if query["marker"] not in ids:
            raise InvalidInput(f"The marker {query['marker']} could not be found; start again.", "marker")
        found = found[ids.index(query["marker"]) + 1 :]
    return found[query["offset"] :][: query["limit"]]
