"""One finding of an audit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cgflow.audit.database_snapshot import Row
from cgflow.audit.finding_kinds import KINDS, FindingKind


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One difference. ``code`` and ``subject`` together identify it, the same in every audit.

    ``message`` is a sentence with the values that differ; ``host`` is the backend, None for
    differences within the database. ``row`` is the record as it was read, and ``facts`` has further
    values for the repair.
    """

    code: str
    subject: str
    message: str
    noun: str
    name: str | None = None
    host: str | None = None
    row: Row | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The id of the finding, such as ``volume.orphan:<id>``."""
        return f"{self.code}:{self.subject}"

    @property
    def kind(self) -> FindingKind:
        """The kind of the finding."""
        return KINDS[self.code]

    def __str__(self) -> str:
        return f"{self.id}: {self.message}"


def of_row(code: str, row: Row, message: str, *, noun: str | None = None, **facts: Any) -> Finding:
    """Return a finding about a record."""
    return Finding(
        code=code,
        subject=row.id,
        message=message,
        noun=noun or row.noun,
        name=row.name,
        host=row.host,
        row=row,
        facts=facts,
    )
