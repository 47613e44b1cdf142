"""The volume summary: ``/volumes/summary``."""

from __future__ import annotations

from flask.views import MethodView

from api import versions
from api.auth.authorization import authorize
from api.blueprint import Blueprint
from api.request_scope import caller, runtime
from api.schemas import summary as schemas
from cgflow.db.repositories import volume as volumes

blueprint = Blueprint("summaries", "How many volumes there are, and how large they are together.")

_METADATA_SINCE = 36


@blueprint.since(12)
@blueprint.route("/volumes/summary")
class VolumeSummary(MethodView):
    """The number and size of all volumes."""

    @blueprint.takes(schemas.SummaryIn, location="query")
    @blueprint.gives(200, schemas.SummaryOut)
    def get(self, _query: dict[str, str]) -> dict[str, object]:
        """Count the volumes of the caller's project, or of all for an administrator who requests them."""
        authorize("volume:get_all")
        with runtime().database.read() as session:
            count, size = volumes.summary(session, caller().scope)
            summary: dict[str, object] = {"total_count": count, "total_size": size}
            if versions.is_at_least(_METADATA_SINCE):
                summary["metadata"] = volumes.metadata_values(session, caller().scope)
        return {"volume-summary": summary}
