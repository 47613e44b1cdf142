"""The only source of the current time, so that tests can freeze it."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time in UTC, without a zone, as the database and the API have it."""
    return datetime.now(UTC).replace(tzinfo=None)


def iso(moment: datetime | None) -> str | None:
    """Return a time in the API's format: microseconds, no zone (``2026-11-22T10:19:45.852956``)."""
    return None if moment is None else moment.isoformat(timespec="microseconds")
