"""The audit of everything that this process serves, and its listing of objects without a record."""

from __future__ import annotations

from cgflow.audit.auditor import Auditor, Report
from cgflow.audit.findings import Finding
from cgflow.errors import InvalidState, NotFound
from flows.runtime import Runtime


def audit(runtime: Runtime, host: str | None = None) -> Report:
    """Compare everything, or one backend and its resources. Raises: NotFound, if the backend is unknown."""
    report = _create_auditor(runtime).audit(host)
    if host is not None and not report.backends and not report.findings:
        raise NotFound(f"Backend {host} could not be found.")
    return report


def list_orphans(runtime: Runtime, host: str, code: str) -> list[Finding]:
    """Return the objects without a record on one backend, for one code such as ``volume.orphan``.

    Raises: InvalidState, if another process serves the backend; FinalDriverError, if the backend
    does not respond.
    """
    if host not in runtime.drivers:
        raise InvalidState(f"Another process serves backend {host}. Send the request to that process.")
    return [one for one in _create_auditor(runtime).find_orphans(host) if one.code == code]


def _create_auditor(runtime: Runtime) -> Auditor:
    return Auditor(
        database=runtime.database,
        settings=runtime.settings,
        drivers=runtime.drivers,
        version_of=runtime.version_of,
        conductor=runtime.conductor.name,
        active_flow_ids=runtime.conductor.active_flow_ids,
    )
