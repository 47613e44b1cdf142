"""One drift that was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cgflow.audit.database_snapshot import Row
from cgflow.audit.finding_kinds import KINDS, FindingKind


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One drift. ``code`` and ``subject`` together name it, the same in every audit.

    ``message`` is the sentence with the values that differ; ``host`` the backend,
    None for what is in the database alone. ``row`` is the record as it was
    seen, and ``facts`` are what a repair needs to know besides.
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
        """The name of the finding, such as ``volume.orphan:<id>``."""
        return f"{self.code}:{self.subject}"

    @property
    def kind(self) -> FindingKind:
        """What kind of drift it is."""
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
