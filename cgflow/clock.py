"""The one source of time, so that tests can stand still and records agree."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present moment in UTC, without a zone, as the database and the wire hold it."""
    return datetime.now(UTC).replace(tzinfo=None)


def iso(moment: datetime | None) -> str | None:
    """Return a moment as the wire writes it: microseconds, no zone (``2026-11-22T10:19:45.852956``)."""
    return None if moment is None else moment.isoformat(timespec="microseconds")
