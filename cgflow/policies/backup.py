"""Rules for backups, of which there are none: who may read that there are none, and who is told why."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, OWNER, READER, guard

_ONE = "/backups/{backup_id}"
_ADMIN = "volume_extension:backup_admin_actions"

RULES = [
    guard("backup:get_all", READER, "List backups.", "GET /backups", "GET /backups/detail"),
    guard("backup:get", READER, "Show a backup.", f"GET {_ONE}"),
    guard("backup:create", OWNER, "Ask for a backup, which is refused in words.", "POST /backups"),
    guard("backup:update", OWNER, "Rename a backup.", f"PUT {_ONE}"),
    guard("backup:delete", OWNER, "Delete a backup.", f"DELETE {_ONE}"),
    guard("backup:restore", OWNER, "Restore a backup.", f"POST {_ONE}/restore"),
    guard("backup:backup-import", ADMIN, "Take over the record of a backup.", "POST /backups/import_record"),
    guard("backup:backup-export", ADMIN, "Show the record of a backup.", f"GET {_ONE}/export_record"),
    guard(f"{_ADMIN}:reset_status", ADMIN, "Reset the status of a backup.", f"POST {_ONE}/action"),
    guard(f"{_ADMIN}:force_delete", ADMIN, "Delete a backup by force.", f"POST {_ONE}/action"),
]
