"""Quota: limits, usage, and the reservations that stand between them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from cgflow import clock
from cgflow.db.models.base import ID, NAME, STATE, Base

DEFAULT_CLASS = "default"

# The name of a volume type, with a word such as "gigabytes_" before it.
RESOURCE = String(255).with_variant(String(300), "postgresql")


class Quota(Base):
    """A limit of one project, over that of the default class. -1 is no limit."""

    __tablename__ = "quotas"

    project_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    resource: Mapped[str] = mapped_column(RESOURCE, primary_key=True)
    hard_limit: Mapped[int]


class QuotaClass(Base):
    """A limit of a class of projects. Only the class ``default`` is consulted."""

    __tablename__ = "quota_classes"

    class_name: Mapped[str] = mapped_column(NAME, primary_key=True)
    resource: Mapped[str] = mapped_column(RESOURCE, primary_key=True)
    hard_limit: Mapped[int]


class QuotaUsage(Base):
    """What counts against a limit now. The row is the lock under which a limit is checked."""

    __tablename__ = "quota_usages"

    project_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    resource: Mapped[str] = mapped_column(RESOURCE, primary_key=True)
    in_use: Mapped[int] = mapped_column(default=0)
    reserved: Mapped[int] = mapped_column(default=0)


class Reservation(Base):
    """One resource held, or about to be given back (negative ``delta``), by one flow.

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
