"""The tables, one file a noun. Importing this package fills ``Base.metadata``."""

from cgflow.db.models.attachment import Attachment
from cgflow.db.models.backend import Backend
from cgflow.db.models.base import Base
from cgflow.db.models.cgsnapshot import Cgsnapshot
from cgflow.db.models.consistencygroup import ConsistencyGroup, ConsistencyGroupType
from cgflow.db.models.default_type import DefaultType
from cgflow.db.models.flow import Flow, FlowEvent
from cgflow.db.models.group_type import GroupSpec, GroupType
from cgflow.db.models.idempotency import IdempotencyKey
from cgflow.db.models.message import Message
from cgflow.db.models.qos_spec import QosAssociation, QosSpec
from cgflow.db.models.quota import Quota, QuotaClass, QuotaUsage, Reservation
from cgflow.db.models.service import Service
from cgflow.db.models.snapshot import Snapshot
from cgflow.db.models.taskflow import ATOMDETAILS, FLOWDETAILS, LOGBOOKS
from cgflow.db.models.transfer import Transfer
from cgflow.db.models.type_encryption import TypeEncryption
from cgflow.db.models.volume import Volume
from cgflow.db.models.volume_type import ExtraSpec, TypeAccess, VolumeType

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
