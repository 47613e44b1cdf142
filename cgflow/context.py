"""Who is asking: the identity that travels with a request into the operation it starts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RequestContext:
    """The caller of one request. What follows from the roles is the policy's business.

    ``all_projects`` is true when the caller may see, and has asked to see, what
    belongs to other projects; without it another project's things are not found.
    """

    user_id: str
    project_id: str
    request_id: str
    roles: frozenset[str] = frozenset()
    is_admin: bool = False
    all_projects: bool = False

    @property
    def scope(self) -> str | None:
        """The project to which reads are confined, or None for all of them."""
        return None if self.all_projects else self.project_id
