"""Bodies and queries of routes that need more than an address; ``{names}`` are placeholders."""

from __future__ import annotations

from typing import Any

BODIES: dict[str, Any] = {
    "POST /consistencygroups": {"consistencygroup": {"volume_types": "{type_name}"}},
    "POST /consistencygroups/create_from_src": {"consistencygroup-from-src": {"source_cgid": "{group_id}"}},
    "PUT /consistencygroups/{group_id}": {"consistencygroup": {"name": "changed"}},
    "PUT /consistencygroups/{group_id}/update": {"consistencygroup": {"name": "changed"}},
    "POST /groups": {"group": {"group_type": "{group_type_id}", "volume_types": ["{type_name}"]}},
    "POST /groups/action": {"create-from-src": {"source_group_id": "{group_id}"}},
    "PUT /groups/{group_id}": {"group": {"name": "changed"}},
    "POST /group_snapshots": {"group_snapshot": {"group_id": "{group_id}"}},
    "POST /group_types": {"group_type": {"name": "another"}},
    "PUT /group_types/{group_type_id}": {"group_type": {"description": "changed"}},
    "POST /group_types/{group_type_id}/group_specs": {"group_specs": {"{key}": "changed"}},
    "PUT /group_types/{group_type_id}/group_specs/{key}": {"{key}": "changed"},
    "POST /consistencygroups/{group_id}/delete": {"consistencygroup": {"force": True}},
    "POST /cgsnapshots": {"cgsnapshot": {"consistencygroup_id": "{group_id}"}},
    "POST /volumes": {"volume": {"size": 1}},
    "POST /snapshots": {"snapshot": {"volume_id": "{volume_id}"}},
    "POST /types": {"volume_type": {"name": "another"}},
    "PUT /volumes/{volume_id}": {"volume": {"name": "changed"}},
    "PUT /snapshots/{snapshot_id}": {"snapshot": {"name": "changed"}},
    "POST /volumes/{volume_id}/metadata": {"metadata": {"{key}": "changed"}},
    "PUT /volumes/{volume_id}/metadata": {"metadata": {"{key}": "changed"}},
    "PUT /volumes/{volume_id}/metadata/{key}": {"meta": {"{key}": "changed"}},
    "POST /snapshots/{snapshot_id}/metadata": {"metadata": {"{key}": "changed"}},
    "PUT /snapshots/{snapshot_id}/metadata": {"metadata": {"{key}": "changed"}},
    "PUT /snapshots/{snapshot_id}/metadata/{key}": {"meta": {"{key}": "changed"}},
    "POST /attachments": {"attachment": {"volume_uuid": "{volume_id}"}},
    "PUT /attachments/{attachment_id}": {"attachment": {"connector": {"host": "h"}}},
    "POST /attachments/{attachment_id}/action": {"os-complete": None},
    **{
        f"POST {prefix}{path}": body
        for prefix in ("/os-volume-transfer", "/volume-transfers")
        for path, body in (
            ("", {"transfer": {"volume_id": "{volume_id}"}}),
            ("/{offer_id}/accept", {"accept": {"auth_key": "wrong"}}),
        )
    },
    "POST /qos-specs": {"qos_specs": {"name": "another"}},
    "PUT /qos-specs/{specs_id}": {"qos_specs": {"iops": "9"}},
    "PUT /qos-specs/{specs_id}/delete_keys": {"keys": ["iops"]},
    "PUT /os-services/{action}": {"host": "{host}", "binary": "cinder-volume"},
    "POST /types/{type_id}/encryption": {"encryption": {"provider": "luks", "control_location": "front-end"}},
    "PUT /types/{type_id}/encryption/{encryption_id}": {"encryption": {"key_size": 128}},
    "PUT /os-services/set-log": {"level": "warning", "prefix": "no.such.logger"},
    "PUT /os-services/get-log": {"prefix": "no.such.logger"},
    **{
        f"PUT /os-services/{action}": {"host": "{host}"}
        for action in ("failover_host", "failover", "freeze", "thaw")
    },
    "PUT /default-types/{target_id}": {"default_type": {"volume_type": "{type_name}"}},
    "PUT /clusters/{cluster_name}": {"name": "c"},
    "POST /workers/cleanup": {},
    "POST /manageable_volumes": {"volume": {"host": "{host}", "ref": {"source-id": "x"}}},
    "POST /manageable_snapshots": {"snapshot": {"volume_id": "{volume_id}", "ref": {"source-id": "x"}}},
    "POST /backups": {"backup": {"volume_id": "{volume_id}"}},
    "PUT /backups/{backup_id}": {"backup": {"name": "changed"}},
    "POST /backups/{backup_id}/restore": {"restore": {}},
    "POST /backups/import_record": {"backup-record": {"backup_service": "s", "backup_url": "u"}},
    "PUT /types/{type_id}": {"volume_type": {"description": "changed"}},
    "POST /types/{type_id}/extra_specs": {"extra_specs": {"{key}": "changed"}},
    "PUT /types/{type_id}/extra_specs/{key}": {"{key}": "changed"},
    "PUT /os-quota-sets/{target_id}": {"quota_set": {"volumes": 77}},
    "PUT /os-quota-class-sets/{class_name}": {"quota_class_set": {"volumes": 77}},
    # The body of an action depends on the rule.
    "consistencygroup:revert_to_cgsnapshot": {"revert_to_cgsnapshot": {"cgsnapshot_id": "{cgsnapshot_id}"}},
    "group:revert_to_group_snapshot": {"revert_to_group_snapshot": {"group_snapshot_id": "{cgsnapshot_id}"}},
    "group:delete": {"delete": {"delete-volumes": True}},
    **{
        f"group:{action}": {action: {}}
        for action in (
            *(f"{what}_replication" for what in ("enable", "disable", "failover")),
            "list_replication_targets",
        )
    },
    "volume_extension:backup_admin_actions:reset_status": {"os-reset_status": {"status": "error"}},
    "volume_extension:backup_admin_actions:force_delete": {"os-force_delete": {}},
    "group:reset_status": {"reset_status": {"status": "error"}},
    "group:reset_group_snapshot_status": {"reset_status": {"status": "error"}},
    "volume:extend": {"os-extend": {"new_size": 9}},
    "volume:retype": {"os-retype": {"new_type": "{type_name}"}},
    "volume:revert_to_snapshot": {"revert": {"snapshot_id": "{snapshot_id}"}},
    "volume_extension:volume_admin_actions:migrate_volume": {"os-migrate_volume": {"host": "there"}},
    "volume_extension:volume_admin_actions:extend_volume_completion": {"os-extend_volume_completion": {}},
    "volume:reimage": {"os-reimage": {"image_id": "{volume_id}"}},
    "volume_extension:volume_actions:upload_image": {"os-volume_upload_image": {"image_name": "i"}},
    "volume_extension:volume_admin_actions:force_delete": {"os-force_delete": {}},
    "volume_extension:snapshot_admin_actions:force_delete": {"os-force_delete": {}},
    "volume_extension:snapshot_actions:update_snapshot_status": {
        "os-update_snapshot_status": {"status": "available"}
    },
    "volume_extension:volume_actions:initialize_connection": {"os-initialize_connection": {"connector": {}}},
    "volume_extension:volume_actions:terminate_connection": {"os-terminate_connection": {"connector": {}}},
    **{
        f"volume_extension:volume_actions:{action}": {f"os-{action}": None}
        for action in ("reserve", "unreserve", "detach", "begin_detaching", "roll_detaching")
    },
    "volume_extension:volume_actions:attach": {"os-attach": {"mountpoint": "/dev/vdb", "host_name": "h"}},
    "volume_extension:volume_actions:set_bootable": {"os-set_bootable": {"bootable": True}},
    "volume_extension:volume_actions:update_readonly_flag": {"os-update_readonly_flag": {"readonly": True}},
    "volume_extension:volume_image_metadata:set": {"os-set_image_metadata": {"metadata": {"k": "v"}}},
    "volume_extension:volume_image_metadata:remove": {"os-unset_image_metadata": {"key": "k"}},
    "volume_extension:volume_image_metadata:show": {"os-show_image_metadata": None},
    "volume_extension:volume_admin_actions:force_detach": {"os-force_detach": None},
    "volume_extension:volume_admin_actions:reset_status": {"os-reset_status": {"status": "available"}},
    "volume_extension:snapshot_admin_actions:reset_status": {"os-reset_status": {"status": "available"}},
    "volume_extension:volume_type_access:addProjectAccess": {"addProjectAccess": {"project": "another"}},
    "volume_extension:volume_type_access:removeProjectAccess": {
        "removeProjectAccess": {"project": "another"}
    },
    "volume_extension:snapshot_actions:initialize_connection": {
        "os-initialize_connection": {"connector": {}}
    },
    "volume_extension:snapshot_actions:terminate_connection": {"os-terminate_connection": {"connector": {}}},
    "cgflow:host_file": {"os-initialize_connection": {"connector": {"cgflow:file": True}}},
    "flow:retry": {"retry": {}},
    "flow:skip": {"skip": {"task": "driver.cut", "reason": "x"}},
    "flow:abandon": {"abandon": {"reason": "x"}},
    "flow:cancel": {"cancel": {"reason": "x"}},
    "flow:resume": {"resume": {}},
    "audit:repair": {"repair": ["safe"], "dry_run": False},
}
"""The body of each request that needs one, by the operation or, where that is ambiguous, by the rule."""

QUERIES = {
    "volume:force_delete": "?force=true",
    "GET /qos-specs/{specs_id}/associate": "?vol_type_id={type_id}",
    "GET /qos-specs/{specs_id}/disassociate": "?vol_type_id={type_id}",
    **{
        f"GET /manageable_{noun}{more}": "?host={host}"
        for noun in ("volumes", "snapshots")
        for more in ("", "/detail")
    },
}
"""The query of each request that needs one, by the operation or, where that is ambiguous, by the rule."""
