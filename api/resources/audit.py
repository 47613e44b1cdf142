"""The audit: ``/audit``."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView

from api.auth.authorization import authorize
from api.blueprint import Blueprint
from api.request_scope import caller, runtime
from api.schemas import audit as schemas
from flows.audit.adopt import AdoptionTarget
from flows.audit.repair import repair
from flows.audit.run import audit

blueprint = Blueprint("audit", "The comparison of records, quota, flows and backends.", is_own=True)


@blueprint.route("/audit")
class Audit(MethodView):
    """The audit of everything that this process serves."""

    @blueprint.takes(schemas.AuditIn, location="query")
    @blueprint.gives(200, schemas.AuditEnvelope, 404)
    def get(self, query: dict[str, Any]) -> dict[str, object]:
        """Audit and report all drift; nothing is changed, and the changes of running flows are no drift."""
        authorize("audit:get")
        return schemas.audit_body(audit(runtime(), query["backend"]))

    @blueprint.takes(schemas.RepairIn)
    @blueprint.gives(200, schemas.AuditEnvelope, 404)
    def post(self, body: dict[str, Any]) -> dict[str, object]:
        """Audit and repair the named kinds or findings, or ``safe`` ones; by default only report the repairs.

        ``adopt`` creates records of what backends have without a record.
        """
        authorize("audit:repair")
        target = AdoptionTarget(body["project_id"] or caller().project_id, body["volume_type"])
        report, repairs = repair(
            runtime(), caller(), body["repair"], dry_run=body["dry_run"], host=body["backend"], target=target
        )
        return schemas.audit_body(report, repairs)
