"""Quota limits and usage of a project."""

from __future__ import annotations

from cgflow.client.http import Http, Record, segment


class Quotas:
    """``/os-quota-sets``."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def show(self, project: str) -> Record:
        """Return ``{resource: {"limit", "in_use", "reserved"}}`` and the project as ``id``."""
        answer = self._http.get(f"/os-quota-sets/{segment(project)}", {"usage": "True"})
        quota: Record = answer.take("quota_set")
        return quota

    def set(self, project: str, limits: dict[str, int]) -> Record:
        """Set some limits and return all of them. -1 means unlimited."""
        asked = {"tenant_id": project, **limits}
        quota: Record = self._http.put(f"/os-quota-sets/{segment(project)}", {"quota_set": asked}).take(
            "quota_set"
        )
        return quota
