"""The contract between cgflow and a storage driver: all that a driver author has to read.

``driver`` defines the mandatory interface, its values, and the object that an entry point names.
``abilities`` defines the optional calls. ``cut_evidence`` defines what a driver reports about a cut.
"""

from cgflow.drivers.contract.abilities import (
    Cloning,
    DetailedInventory,
    GroupSnapshots,
    Regrouping,
    Restoring,
    SnapshotDetails,
    SupportsCompaction,
    SupportsDetailedInventory,
    SupportsFencing,
    SupportsHostFiles,
    VolumeDetails,
)
from cgflow.drivers.contract.driver import (
    JSON,
    RAW,
    Connection,
    DriverPlugin,
    Incident,
    Inventory,
    Report,
    SnapshotSpec,
    StorageDriver,
    VolumeSpec,
)

__all__ = [
    "Cloning",
    "Connection",
    "DetailedInventory",
    "DriverPlugin",
    "GroupSnapshots",
    "Incident",
    "Inventory",
    "JSON",
    "RAW",
    "Regrouping",
    "Report",
    "Restoring",
    "SnapshotDetails",
    "SnapshotSpec",
    "StorageDriver",
    "SupportsCompaction",
    "SupportsDetailedInventory",
    "SupportsFencing",
    "SupportsHostFiles",
    "VolumeDetails",
    "VolumeSpec",
]
