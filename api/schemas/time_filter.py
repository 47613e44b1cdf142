"""Filters of a list by time: ``gt:2026-11-22T10:00:00,lte:2026-11-23``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from marshmallow import fields

from api.schemas.fields import SelfParsingField
from cgflow.db.repositories.paging import COMPARISONS, Comparison
from cgflow.errors import InvalidInput

_MOST = 8


class TimeFilter(SelfParsingField, fields.String):
    """Comparisons with times, all of which must hold. A time without an operator means equality."""

    def read(self, value: Any) -> list[Comparison]:
        """Return pairs of an operator and a time in UTC without a time zone."""
        parts = str(value).split(",")
        if len(parts) > _MOST:
            raise InvalidInput(f"{self.name} takes at most {_MOST} comparisons.", self.name)
        return [self._comparison(part.strip()) for part in parts]

    def _comparison(self, part: str) -> Comparison:
        word, colon, rest = part.partition(":")
        operator, text = (word, rest) if colon and word in COMPARISONS else ("eq", part)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            known = ", ".join(COMPARISONS)
            raise InvalidInput(
                f"{self.name} does not understand '{part[:64]}'. Write a moment such as "
                f"2026-11-22T10:00:00, after one of {known} and a colon.",
                self.name,
            ) from None
        if moment.tzinfo is not None:
            try:
                moment = moment.astimezone(UTC).replace(tzinfo=None)
            except OverflowError:
                raise InvalidInput(f"{self.name} is out of range.", self.name) from None
        return operator, moment
