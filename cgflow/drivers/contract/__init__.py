"""The contract between cgflow and a storage driver: all that a driver's author reads.

Every driver implements :class:`StorageDriver`. Each other protocol is an ability
that a driver may have as well. ``plugin`` is what an entry point names, and
``cut_evidence`` is what a driver states about a cut.
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
