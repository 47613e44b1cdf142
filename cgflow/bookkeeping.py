"""Records of what is kept beside the things that operations act on: parts of the service, offers, messages.

Like those in ``cgflow.records`` they are frozen and made inside ``cgflow.db``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Service:
    """One part of the service on one host, and when it last reported."""

    binary: str
    host: str
    availability_zone: str
    reported_at: datetime


@dataclass(frozen=True, kw_only=True)
class ServiceState(Service):
    """A part of the service as it is now: up if it has reported lately.

    It is disabled if it may take nothing new, frozen if nothing that it holds may be changed either.
    """

    is_up: bool
    is_disabled: bool = False
    disabled_reason: str | None = None
    is_frozen: bool = False


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a backend holds of one project, or of all together if ``project_id`` is None."""

    project_id: str | None
    volumes: int
    volume_gib: int
    snapshots: int
    snapshot_gib: int


@dataclass(frozen=True, kw_only=True)
class QosSpec:
    """What volumes may take of a backend. ``consumer`` says who is to see to it."""

    id: str
    name: str
    consumer: str
    specs: dict[str, str]
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class DefaultType:
    """The volume type that a project takes when it names none."""

    project_id: str
    volume_type_id: str


@dataclass(frozen=True, kw_only=True)
class TypeEncryption:
    """How volumes of a type are to be encrypted. ``key_size`` is in bits."""

    volume_type_id: str
    encryption_id: str
    provider: str
    control_location: str
    cipher: str | None
    key_size: int | None
    created_at: datetime
    updated_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """An offer to hand a volume over. ``project_id`` is who offers, ``key_hash`` what the key is known by."""

    id: str
    volume_id: str
    name: str | None
    project_id: str
    destination_project_id: str | None
    salt: str
    key_hash: str
    no_snapshots: bool
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Message:
    """What a user is told of an operation that failed; kept until ``guaranteed_until``."""

    id: str
    project_id: str
    request_id: str
    resource_type: str
    resource_uuid: str
    event_id: str
    message_level: str
    user_message: str
    flow_id: str
    created_at: datetime
    guaranteed_until: datetime
