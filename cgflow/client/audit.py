"""The audit: report differences, and repair them."""

from __future__ import annotations

from cgflow.client.http import Http, Record

LOOK_S = 300.0
"""The seconds that an audit may take: it lists the contents of every backend."""


class Audit:
    """``/audit``."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def fetch_report(self, backend: str | None = None) -> Record:
        """Return the report of an audit."""
        params = {} if backend is None else {"backend": backend}
        audit: Record = self._http.get("/audit", params, answer_s=LOOK_S).take("audit")
        return audit

    def repair(
        self,
        wanted: list[str],
        *,
        dry_run: bool,
        backend: str | None = None,
        project_id: str | None = None,
        volume_type: str | None = None,
    ) -> Record:
        """Repair the named findings, or with ``dry_run`` only report the repairs; return the audit with them.

        ``project_id`` and ``volume_type`` apply to resources that are adopted.
        """
        body = {"repair": wanted, "dry_run": dry_run, "backend": backend}
        body |= {"project_id": project_id, "volume_type": volume_type}
        audit: Record = self._http.post("/audit", body, answer_s=LOOK_S).take("audit")
        return audit
