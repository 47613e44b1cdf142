"""The audit of what this process serves."""

from __future__ import annotations

from cgflow.audit.auditing import Auditor, Report
from cgflow.errors import NotFound
from flows.acceptance import Desk
from flows.catalog import define


def audit(desk: Desk, host: str | None = None) -> Report:
    """Compare everything, or one backend and what is on it. Raises: NotFound for one that is not known."""
    auditor = Auditor(
        database=desk.database,
        settings=desk.settings,
        drivers=desk.drivers,
        version_of=lambda operation: define(operation).version,
        conductor=desk.conductor.name,
        in_hand=desk.conductor.in_hand,
    )
    report = auditor.audit(host)
    if host is not None and not report.backends and not report.findings:
        raise NotFound(f"Backend {host} could not be found.")
    return report
