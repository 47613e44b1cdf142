"""Rules for backups, clusters and failover, which are not offered."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, OWNER, READER, route_rule

FAILOVER_RULES = [
    route_rule(
        "volume:failover_host",
        ADMIN,
        "Fail over a backend. Not supported: the request is refused with a message.",
        "PUT /os-services/failover_host",
        "PUT /os-services/failover",
    ),
    route_rule(
        "volume:freeze_host",
        ADMIN,
        "Freeze a backend: no resource on it can be created or changed.",
        "PUT /os-services/freeze",
    ),
    route_rule(
        "volume:thaw_host",
        ADMIN,
        "Thaw a frozen backend.",
        "PUT /os-services/thaw",
    ),
]

CLUSTER_RULES = [
    route_rule("clusters:get_all", ADMIN, "List clusters.", "GET /clusters", "GET /clusters/detail"),
    route_rule("clusters:get", ADMIN, "Show a cluster.", "GET /clusters/{cluster_name}"),
    route_rule("clusters:update", ADMIN, "Enable or disable a cluster.", "PUT /clusters/{cluster_name}"),
    route_rule(
        "workers:cleanup",
        ADMIN,
        "Clean up after lost processes, which happens automatically.",
        "POST /workers/cleanup",
    ),
]

_BACKUP = "/backups/{backup_id}"
_BACKUP_ADMIN = "volume_extension:backup_admin_actions"

BACKUP_RULES = [
    route_rule("backup:get_all", READER, "List backups.", "GET /backups", "GET /backups/detail"),
    route_rule("backup:get", READER, "Show a backup.", f"GET {_BACKUP}"),
    route_rule(
        "backup:create",
        OWNER,
        "Create a backup. Not supported: the request is refused with a message.",
        "POST /backups",
    ),
    route_rule("backup:update", OWNER, "Rename a backup.", f"PUT {_BACKUP}"),
    route_rule("backup:delete", OWNER, "Delete a backup.", f"DELETE {_BACKUP}"),
    route_rule("backup:restore", OWNER, "Restore a backup.", f"POST {_BACKUP}/restore"),
    route_rule(
        "backup:backup-import", ADMIN, "Take over the record of a backup.", "POST /backups/import_record"
    ),
    route_rule("backup:backup-export", ADMIN, "Show the record of a backup.", f"GET {_BACKUP}/export_record"),
    route_rule(
        f"{_BACKUP_ADMIN}:reset_status", ADMIN, "Reset the status of a backup.", f"POST {_BACKUP}/action"
    ),
    route_rule(f"{_BACKUP_ADMIN}:force_delete", ADMIN, "Delete a backup by force.", f"POST {_BACKUP}/action"),
]
