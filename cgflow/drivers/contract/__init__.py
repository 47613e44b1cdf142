"""The contract between cgflow and a storage driver: all that a driver author has to read.

Every driver implements :class:`StorageDriver`. Every other protocol is an optional ability. ``plugin``
defines the object that an entry point names. ``cut_evidence`` defines what a driver reports about a cut.
``detailed_inventory``, ``compaction``, ``host_files`` and ``fencing`` define the less common abilities.
"""

from cgflow.drivers.contract.driver import (
    JSON,
    RAW,
    Cloning,
    Connection,
    GroupSnapshots,
    Incident,
    Inventory,
    Regrouping,
    Report,
    Restoring,
    SnapshotSpec,
    StorageDriver,
    VolumeSpec,
)

__all__ = [
    "JSON",
    "RAW",
    "Cloning",
    "Connection",
    "GroupSnapshots",
    "Incident",
    "Inventory",
    "Regrouping",
    "Report",
    "Restoring",
    "SnapshotSpec",
    "StorageDriver",
    "VolumeSpec",
]
