"""The caller's identity, which is passed from a request to the operation that it starts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RequestContext:
    """The caller of one request. The policy decides what the roles permit.

    ``all_projects`` is true if the caller may see, and has requested to see, resources of other
    projects; otherwise those are not found.
    """

    user_id: str
    project_id: str
    request_id: str
    roles: frozenset[str] = frozenset()
    is_admin: bool = False
    all_projects: bool = False

    @property
    def scope(self) -> str | None:
        """The project to which reads are limited, or None for all projects."""
        return None if self.all_projects else self.project_id
