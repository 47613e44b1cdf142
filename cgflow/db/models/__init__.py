"""The tables. Importing this package fills ``Base.metadata``."""

from cgflow.db.models.base import Base
from cgflow.db.models.flows import (
    ATOMDETAILS,
    FLOWDETAILS,
    LOGBOOKS,
    Flow,
    FlowEvent,
    IdempotencyKey,
    Message,
)
from cgflow.db.models.groups import Cgsnapshot, ConsistencyGroup, ConsistencyGroupType, GroupSpec, GroupType
from cgflow.db.models.services import Backend, Quota, QuotaClass, QuotaUsage, Reservation, Service
from cgflow.db.models.types import (
    DefaultType,
    ExtraSpec,
    QosAssociation,
    QosSpec,
    TypeAccess,
    TypeEncryption,
    VolumeType,
)
from cgflow.db.models.volumes import Attachment, Snapshot, Transfer, Volume

__all__ = [
    "ATOMDETAILS",
    "FLOWDETAILS",
    "LOGBOOKS",
    "Attachment",
    "Backend",
    "Base",
    "Cgsnapshot",
    "ConsistencyGroup",
    "ConsistencyGroupType",
    "DefaultType",
    "ExtraSpec",
    "Flow",
    "FlowEvent",
    "IdempotencyKey",
    "Message",
    "QosAssociation",
    "QosSpec",
    "GroupSpec",
    "GroupType",
    "Quota",
    "QuotaClass",
    "QuotaUsage",
    "Reservation",
    "Service",
    "Snapshot",
    "Transfer",
    "TypeAccess",
    "TypeEncryption",
    "Volume",
    "VolumeType",
]
