"""The audit: what differs, and what is to be repaired."""

from __future__ import annotations

from cgflow.client.http import Http, Record

LOOK_S = 300.0
"""How long an audit may take: it asks every backend what it has."""


class Audit:
    """``/audit``."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def look(self, backend: str | None = None) -> Record:
        """Return what an audit finds."""
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
        """Have repaired what is named, or only be told what would be; return the audit with the repairs.

        ``project_id`` and ``volume_type`` are for what is adopted.
        """
        body = {"repair": wanted, "dry_run": dry_run, "backend": backend}
        body |= {"project_id": project_id, "volume_type": volume_type}
        audit: Record = self._http.post("/audit", body, answer_s=LOOK_S).take("audit")
        return audit
