"""Backups: ``/backups``, answered like Cinder without a backup service.

cgflow does not copy volumes to another store. There is no backup to list, show or restore, and a request for
one is refused with the reason.
"""

from __future__ import annotations

from typing import Any, NoReturn

from flask.views import MethodView

from api.auth.authorization import authorize, read_authorized
from api.blueprint import Blueprint
from api.schemas import backup as schemas
from cgflow.db.repositories import volume as volumes
from cgflow.errors import InvalidState, NotFound

blueprint = Blueprint("backups", "Backups, of which there are none.")

_UPDATE = 9
_RULES = {
    name: f"volume_extension:backup_admin_actions:{rule}"
    for name, rule in (("reset", "reset_status"), ("force_delete", "force_delete"))
}


@blueprint.route("/backups")
class Backups(MethodView):
    """The list of backups, as summaries."""

    @blueprint.takes(schemas.BackupListIn, location="query")
    @blueprint.gives(200, schemas.Page)
    def get(self, with_count: bool) -> dict[str, object]:
        """List backups: there are none."""
        return _none(with_count)

    @blueprint.takes(schemas.BackupCreateIn)
    @blueprint.gives(202, schemas.ShowEnvelope, 404)
    def post(self, body: dict[str, Any]) -> NoReturn:
        """Request a backup of a volume, which is refused."""
        read_authorized("backup:create", volumes.get, body["volume_id"])
        raise _no_service()


@blueprint.route("/backups/detail")
class BackupDetails(MethodView):
    """The list of backups in full."""

    @blueprint.takes(schemas.BackupListIn, location="query")
    @blueprint.gives(200, schemas.Page)
    def get(self, with_count: bool) -> dict[str, object]:
        """List backups in full: there are none."""
        return _none(with_count)


@blueprint.route("/backups/import_record")
class BackupImport(MethodView):
    """The import of a backup record that another service made."""

    @blueprint.takes(schemas.BackupImportIn)
    @blueprint.gives(201, schemas.ShowEnvelope, 403)
    def post(self, _body: dict[str, Any]) -> NoReturn:
        """Import the record of a backup, which is refused."""
        authorize("backup:backup-import")
        raise _no_service()


@blueprint.route("/backups/<backup_id>")
class Backup(MethodView):
    """One backup."""

    @blueprint.gives(200, schemas.ShowEnvelope, 404)
    def get(self, backup_id: str) -> NoReturn:
        """Show a backup, which is never found."""
        authorize("backup:get")
        raise _missing(backup_id)

    @blueprint.takes(schemas.BackupUpdateIn)
    @blueprint.since(_UPDATE)
    @blueprint.gives(200, schemas.ShowEnvelope, 404)
    def put(self, _body: dict[str, Any], backup_id: str) -> NoReturn:
        """Rename a backup, which is never found."""
        authorize("backup:update")
        raise _missing(backup_id)

    @blueprint.gives(202, None, 404)
    def delete(self, backup_id: str) -> NoReturn:
        """Delete a backup, which is never found."""
        authorize("backup:delete")
        raise _missing(backup_id)


@blueprint.route("/backups/<backup_id>/restore")
class BackupRestore(MethodView):
    """The restoration of a backup to a volume."""

    @blueprint.takes(schemas.BackupRestoreIn)
    @blueprint.gives(202, schemas.ShowEnvelope, 404)
    def post(self, _body: dict[str, Any], backup_id: str) -> NoReturn:
        """Restore a backup, which is never found."""
        authorize("backup:restore")
        raise _missing(backup_id)


@blueprint.route("/backups/<backup_id>/export_record")
class BackupExport(MethodView):
    """The record of a backup."""

    @blueprint.gives(200, schemas.ShowEnvelope, 403, 404)
    def get(self, backup_id: str) -> NoReturn:
        """Show the record of a backup, which is never found."""
        authorize("backup:backup-export")
        raise _missing(backup_id)


@blueprint.route("/backups/<backup_id>/action")
class BackupAction(MethodView):
    """An administrative action on a backup."""

    @blueprint.takes(schemas.BackupActionIn)
    @blueprint.gives(202, None, 403, 404)
    def post(self, body: dict[str, Any], backup_id: str) -> NoReturn:
        """Reset the status of a backup, or delete it by force; it is never found."""
        (action,) = body
        authorize(_RULES[action])
        raise _missing(backup_id)


def _none(with_count: bool) -> dict[str, object]:
    authorize("backup:get_all")
    return {"backups": [], **({"count": 0} if with_count else {})}


def _missing(backup_id: str) -> NotFound:
    return NotFound(f"Backup {backup_id} could not be found.")


def _no_service() -> InvalidState:
    return InvalidState(
        "Service cinder-backup could not be found: volumes are not backed up to another store. Take a "
        "snapshot or a cgsnapshot, and copy what it holds away from its address (os-initialize_connection)."
    )
