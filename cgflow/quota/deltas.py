"""What is counted against quota, and how much of it each operation takes or gives back.

``consistencygroups``, ``volumes`` and ``snapshots`` count things; ``gigabytes``
counts the GiB of volumes and snapshots together. The last three are also
counted for each volume type, as ``volumes_<type>`` and so on. ``per_volume_gigabytes``
limits the size of each volume, so that nothing is counted against it; nor is anything
against ``backups`` and ``backup_gigabytes``, because there are no backups.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

GROUPS = "consistencygroups"
VOLUMES = "volumes"
SNAPSHOTS = "snapshots"
GIGABYTES = "gigabytes"

TOTALS = (GROUPS, VOLUMES, SNAPSHOTS, GIGABYTES)
BACKUPS, BACKUP_GIGABYTES = "backups", "backup_gigabytes"
PER_VOLUME_GIGABYTES = "per_volume_gigabytes"
UNCOUNTED = (BACKUPS, BACKUP_GIGABYTES, PER_VOLUME_GIGABYTES)
PER_TYPE = (VOLUMES, SNAPSHOTS, GIGABYTES)

Deltas = dict[str, int]
"""How much of each resource is taken (above zero) or given back (below)."""


def type_resource(resource: str, type_name: str) -> str:
    """Return the name under which a resource is counted for one volume type."""
    return f"{resource}_{type_name}"


def type_resources(type_names: Iterable[str]) -> list[str]:
    """Return every resource that is counted for these volume types."""
    return [type_resource(resource, name) for name in type_names for resource in PER_TYPE]


def for_group() -> Deltas:
    """Return what a consistency group takes, its volumes not counted."""
    return {GROUPS: 1}


def for_volume(size: int, type_name: str | None) -> Deltas:
    """Return what a volume of ``size`` GiB takes."""
    return for_volumes([(size, type_name)])


def for_volumes(volumes: Iterable[tuple[int, str | None]]) -> Deltas:
    """Return what several volumes, given by size in GiB and type, take together."""
    return total(*(_typed({VOLUMES: 1, GIGABYTES: size}, name) for size, name in volumes))


def for_extend(more: int, type_name: str | None) -> Deltas:
    """Return what growing a volume by ``more`` GiB takes."""
    return _typed({GIGABYTES: more}, type_name)


def for_snapshots(
    snapshots: Iterable[tuple[int, str | None]], *, no_snapshot_gb_quota: bool = False
) -> Deltas:
    """Return what the snapshots of a cgsnapshot, given by size in GiB and type, take together.

    With ``no_snapshot_gb_quota`` they are counted, but their GiB are not.
    """
    each = (({SNAPSHOTS: 1} if no_snapshot_gb_quota else {SNAPSHOTS: 1, GIGABYTES: size}, name)
            for size, name in snapshots)  # fmt: skip
    return total(*(_typed(deltas, name) for deltas, name in each))


def refund(deltas: Mapping[str, int]) -> Deltas:
    """Return what gives the deltas back."""
    return {resource: -delta for resource, delta in deltas.items()}


def total(*deltas: Mapping[str, int]) -> Deltas:
    """Return several deltas as one."""
    added: Counter[str] = Counter()
    for one in deltas:
        added.update(one)
    return dict(added)


def _typed(deltas: Deltas, type_name: str | None) -> Deltas:
    if type_name is None:
        return deltas
    return deltas | {type_resource(resource, type_name): delta for resource, delta in deltas.items()}
