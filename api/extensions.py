"""The extensions of Cinder that are offered. Each names a route that serves it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Extension:
    """One extension by the alias that clients look for; ``route`` is a path that serves it."""

    alias: str
    name: str
    description: str
    route: str
    updated: str = "2026-11-22T00:00:00+00:00"
    links: list[dict[str, str]] = field(default_factory=list)


EXTENSIONS = (
    Extension(
        "consistencygroups",
        "Consistencygroups",
        "Volumes that share one point in time.",
        "/consistencygroups",
        "2014-08-18T00:00:00+00:00",
    ),
    Extension("cgsnapshots", "Cgsnapshots", "Consistent points in time of groups.", "/cgsnapshots"),
    Extension(
        "os-volume-actions", "VolumeActions", "Attach, extend and more.", "/volumes/<volume_id>/action"
    ),
    Extension(
        "os-admin-actions", "AdminActions", "Reset a status, detach by force.", "/volumes/<volume_id>/action"
    ),
    Extension(
        "os-vol-image-meta",
        "VolumeImageMetadata",
        "What a volume remembers of its image.",
        "/volumes/<volume_id>",
    ),
    Extension(
        "os-vol-host-attr", "VolumeHostAttribute", "Which backend holds a volume.", "/volumes/<volume_id>"
    ),
    Extension("os-vol-tenant-attr", "VolumeTenantAttribute", "Whose a volume is.", "/volumes/<volume_id>"),
    Extension(
        "os-extended-snapshot-attributes",
        "ExtendedSnapshotAttributes",
        "Whose a snapshot is, and how far it is.",
        "/snapshots/<snapshot_id>",
    ),
    Extension("os-volume-transfer", "VolumeTransfer", "Hand volumes over.", "/os-volume-transfer"),
    Extension("os-types-manage", "TypesManage", "Make and remove volume types.", "/types"),
    Extension(
        "os-types-extra-specs",
        "TypesExtraSpecs",
        "Requirements of volume types.",
        "/types/<type_id>/extra_specs",
    ),
    Extension(
        "os-volume-type-access",
        "VolumeTypeAccess",
        "Who may use private volume types.",
        "/types/<type_id>/os-volume-type-access",
    ),
    Extension("qos-specs", "Qos_specs_manage", "What volumes of a type may take.", "/qos-specs"),
    Extension("os-quota-sets", "Quotas", "What a project may have.", "/os-quota-sets/<target_id>"),
    Extension(
        "os-quota-class-sets",
        "QuotaClasses",
        "What projects may have by default.",
        "/os-quota-class-sets/<class_name>",
    ),
    Extension("os-services", "Services", "The parts of the service.", "/os-services"),
    Extension("os-hosts", "Hosts", "Where the parts of the service run.", "/os-hosts"),
    Extension("capabilities", "Capabilities", "What a backend can do.", "/capabilities/<host>"),
    Extension(
        "scheduler-stats",
        "Scheduler_stats",
        "Backends as the scheduler sees them.",
        "/scheduler-stats/get_pools",
    ),
    Extension("os-availability-zone", "AvailabilityZones", "Where storage is.", "/os-availability-zone"),
)
