"""Rules for backups, clusters and failover, which are not offered."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, OWNER, READER, guard

FAILOVER_RULES = [
    guard(
        "volume:failover_host",
        ADMIN,
        "Fail over a backend. Not supported: the request is refused with a message.",
        "PUT /os-services/failover_host",
        "PUT /os-services/failover",
    ),
    guard(
        "volume:freeze_host",
        ADMIN,
        "Freeze a backend: no resource on it can be created or changed.",
        "PUT /os-services/freeze",
    ),
    guard(
        "volume:thaw_host",
        ADMIN,
        "Thaw a frozen backend.",
        "PUT /os-services/thaw",
    ),
]

CLUSTER_RULES = [
    guard("clusters:get_all", ADMIN, "List clusters.", "GET /clusters", "GET /clusters/detail"),
    guard("clusters:get", ADMIN, "Show a cluster.", "GET /clusters/{cluster_name}"),
    guard("clusters:update", ADMIN, "Enable or disable a cluster.", "PUT /clusters/{cluster_name}"),
    guard(
        "workers:cleanup",
        ADMIN,
        "Clean up after lost processes, which happens automatically.",
        "POST /workers/cleanup",
    ),
]

_BACKUP = "/backups/{backup_id}"
_BACKUP_ADMIN = "volume_extension:backup_admin_actions"

BACKUP_RULES = [
    guard("backup:get_all", READER, "List backups.", "GET /backups", "GET /backups/detail"),
    guard("backup:get", READER, "Show a backup.", f"GET {_BACKUP}"),
    guard(
        "backup:create",
        OWNER,
        "Create a backup. Not supported: the request is refused with a message.",
        "POST /backups",
    ),
    guard("backup:update", OWNER, "Rename a backup.", f"PUT {_BACKUP}"),
    guard("backup:delete", OWNER, "Delete a backup.", f"DELETE {_BACKUP}"),
    guard("backup:restore", OWNER, "Restore a backup.", f"POST {_BACKUP}/restore"),
    guard("backup:backup-import", ADMIN, "Take over the record of a backup.", "POST /backups/import_record"),
    guard("backup:backup-export", ADMIN, "Show the record of a backup.", f"GET {_BACKUP}/export_record"),
    guard(f"{_BACKUP_ADMIN}:reset_status", ADMIN, "Reset the status of a backup.", f"POST {_BACKUP}/action"),
    guard(f"{_BACKUP_ADMIN}:force_delete", ADMIN, "Delete a backup by force.", f"POST {_BACKUP}/action"),
]
