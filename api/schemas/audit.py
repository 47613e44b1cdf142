"""Schemas of the audit."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from api.disclosure import hide_hosts
from api.schemas.fields import Flag, Names, Text, Timestamp
from cgflow.audit.auditor import Report
from cgflow.audit.findings import KINDS, Finding
from flows.audit.repair import ACCEPTED, DONE, LATER, PLANNED, REFUSED, Repair

_CODE = {"enum": sorted(KINDS), "description": "The kind of drift; stable."}
_STATES = (PLANNED, DONE, ACCEPTED, LATER, REFUSED)


def audit_body(report: Report, repairs: list[Repair] | None = None) -> dict[str, object]:
    """Return an audit report, and the results of its repairs, if any were requested."""
    audit: dict[str, Any] = {
        "at": report.at,
        "findings": [_finding_body(one) for one in report.findings],
        "backends": [vars(one) | {"reason": hide_hosts(one.reason)} for one in report.backends],
    }
    if repairs is not None:
        audit["repairs"] = [
            {
                "finding_id": one.finding.id,
                "state": one.state,
                "flow_id": one.flow_id,
                "reason": hide_hosts(one.reason),
            }
            for one in repairs
        ]
    return {"audit": audit}


def _finding_body(finding: Finding) -> dict[str, object]:
    kind = finding.kind
    return {
        "id": finding.id,
        "code": finding.code,
        "resource_type": finding.noun,
        "resource_id": finding.subject,
        "name": finding.name,
        "backend": finding.host,
        "message": hide_hosts(finding.message),
        "meaning": kind.means,
        "repair": kind.repair,
        "repairable": kind.is_repairable,
        "safe": kind.is_repairable and kind.is_safe,
    }


class AuditIn(Schema):
    """The scope of an audit."""

    backend = Text(load_default=None, metadata={"description": "Only this backend and its resources."})


class RepairIn(Schema):
    """The findings to repair."""

    repair = Names(max=1000)
    dry_run = Flag(
        load_default=True, metadata={"description": "Whether to report the repairs without doing them."}
    )
    backend = Text(load_default=None, allow_none=True, metadata={"description": "Only on this backend."})
    project_id = Text(
        load_default=None,
        allow_none=True,
        metadata={
            "description": "Project of adopted resources without a deleted record; by default the caller's."
        },
    )
    volume_type = Text(
        load_default=None,
        allow_none=True,
        metadata={"description": "The volume type of adopted volumes, by name or id; required for groups."},
    )


class FindingOut(Schema):
    """One finding. ``safe`` ones are repaired without loss; others only if they are named."""

    id = fields.String()
    code = fields.String(metadata=_CODE)
    resource_type = fields.String()
    resource_id = fields.String()
    name = fields.String(allow_none=True)
    backend = fields.String(allow_none=True)
    message = fields.String()
    meaning = fields.String()
    repair = fields.String(metadata={"description": "What the repair does, or what to do by hand."})
    repairable = fields.Boolean()
    safe = fields.Boolean()


class ComparedOut(Schema):
    """One backend, and whether it was compared; ``reason`` says why not, or why only in part."""

    name = fields.String()
    is_compared = fields.Boolean(data_key="compared")
    reason = fields.String(allow_none=True)


class RepairOut(Schema):
    """The result of one repair. ``flow_id`` is the flow that does it, if there is one.

    A repair with the state ``later`` waits for another flow: request it again when that has ended.
    """

    finding_id = fields.String()
    state = fields.String(metadata={"enum": list(_STATES)})
    flow_id = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)


class AuditOut(Schema):
    """The report of an audit. ``repairs`` is present if repairs were requested."""

    at = Timestamp()
    findings = fields.List(fields.Nested(FindingOut))
    backends = fields.List(fields.Nested(ComparedOut))
    repairs = fields.List(fields.Nested(RepairOut))


AuditEnvelope = Schema.from_dict({"audit": fields.Nested(AuditOut)}, name="AuditEnvelope")
