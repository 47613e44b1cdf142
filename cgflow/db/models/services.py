"""Tables of services, backends and quota."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from cgflow import clock, records
from cgflow.db.models.base import ID, NAME, STATE, Base
from cgflow.drivers.contract import Report


class Service(Base):
    """One process on one host, such as ``cgflow-api``."""

    __tablename__ = "services"

    binary: Mapped[str] = mapped_column(String(64), primary_key=True)
    host: Mapped[str] = mapped_column(NAME, primary_key=True)
    availability_zone: Mapped[str] = mapped_column(NAME)
    reported_at: Mapped[datetime]

    def to_record(self) -> records.Service:
        """Return the frozen record of this row."""
        return records.Service(
            binary=self.binary,
            host=self.host,
            availability_zone=self.availability_zone,
            reported_at=self.reported_at,
        )


class Backend(Base):
    """One configured backend, keyed by ``host@backend``."""

    __tablename__ = "backends"

    name: Mapped[str] = mapped_column(NAME, primary_key=True)
    availability_zone: Mapped[str] = mapped_column(NAME)
    report: Mapped[dict[str, Any]]
    reported_at: Mapped[datetime]
    is_up: Mapped[bool]
    reason: Mapped[str | None] = mapped_column(Text)
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None] = mapped_column(NAME)
    frozen_at: Mapped[datetime | None]

    @staticmethod
    def to_record(row: Any) -> records.Backend:
        """Return the frozen record of a row."""
        return records.Backend(
            name=row.name,
            availability_zone=row.availability_zone,
            report=Report.from_json(row.report),
            reported_at=row.reported_at,
            is_up=row.is_up,
            reason=row.reason,
            disabled_at=row.disabled_at,
            disabled_reason=row.disabled_reason,
            frozen_at=row.frozen_at,
        )


DEFAULT_CLASS = "default"

# The name of a volume type with a prefix such as "gigabytes_".
RESOURCE = String(255).with_variant(String(300), "postgresql")


class Quota(Base):
    """A limit of one project; it overrides that of the default class. -1 is no limit."""

    __tablename__ = "quotas"

    project_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    resource: Mapped[str] = mapped_column(RESOURCE, primary_key=True)
    hard_limit: Mapped[int]


class QuotaClass(Base):
    """A limit of a class of projects. Only the class ``default`` is used."""

    __tablename__ = "quota_classes"

    class_name: Mapped[str] = mapped_column(NAME, primary_key=True)
    resource: Mapped[str] = mapped_column(RESOURCE, primary_key=True)
    hard_limit: Mapped[int]


class QuotaUsage(Base):
    """Current usage of a quota resource. A limit is checked under the lock of its row."""

    __tablename__ = "quota_usages"

    project_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    resource: Mapped[str] = mapped_column(RESOURCE, primary_key=True)
    in_use: Mapped[int] = mapped_column(default=0)
    reserved: Mapped[int] = mapped_column(default=0)


class Reservation(Base):
    """An amount of one quota resource that one flow reserves, or is about to give back (negative ``delta``).

    The reservation's id is the id of the flow that made it.
    """

    __tablename__ = "reservations"
    __table_args__ = (Index(None, "state", "expires_at"),)

    id: Mapped[str] = mapped_column(ID, ForeignKey("flows.id"), primary_key=True)
    resource: Mapped[str] = mapped_column(RESOURCE, primary_key=True)
    project_id: Mapped[str] = mapped_column(String(255))
    delta: Mapped[int]
    state: Mapped[str] = mapped_column(STATE)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime]
