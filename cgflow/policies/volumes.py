"""Rules for volumes and snapshots, their metadata, attachments and transfers."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, OWNER, READER, route_rule

HOST = "volume_extension:volume_host_attribute"
MIGRATION = "volume_extension:volume_mig_status_attribute"
TENANT = "volume_extension:volume_tenant_attribute"
_VOLUME_SHOWN = ("GET /volumes/{volume_id}", "GET /volumes/detail")
_VOLUME_ACTION = "POST /volumes/{volume_id}/action"

VOLUME_RULES = [
    route_rule(
        "volume:create", OWNER, "Create a volume, in or outside a consistency group.", "POST /volumes"
    ),
    route_rule("volume:get", READER, "Show a volume.", "GET /volumes/{volume_id}"),
    route_rule(
        "volume:get_all",
        READER,
        "List volumes.",
        "GET /volumes",
        "GET /volumes/detail",
        "GET /volumes/summary",
    ),
    route_rule(
        "volume:update", OWNER, "Change the name or description of a volume.", "PUT /volumes/{volume_id}"
    ),
    route_rule("volume:delete", OWNER, "Delete a volume.", "DELETE /volumes/{volume_id}"),
    route_rule(
        "volume:force_delete",
        ADMIN,
        "Force-delete a volume (force=true, from 3.23 on).",
        "DELETE /volumes/{volume_id}",
    ),
    route_rule("volume:extend", OWNER, "Extend a volume (os-extend).", _VOLUME_ACTION),
    route_rule("volume:retype", OWNER, "Change the type of a volume (os-retype).", _VOLUME_ACTION),
    route_rule(
        "volume:revert_to_snapshot", OWNER, "Restore a volume to a snapshot (revert).", _VOLUME_ACTION
    ),
    route_rule(
        "volume_extension:volume_admin_actions:migrate_volume",
        ADMIN,
        "Migrate a volume (os-migrate_volume). Not supported: the request is refused with a message.",
        _VOLUME_ACTION,
    ),
    route_rule(
        "volume_extension:volume_actions:upload_image",
        OWNER,
        "Upload a volume as an image (os-volume_upload_image). "
        "Not supported: the request is refused with a message.",
        _VOLUME_ACTION,
    ),
    route_rule(
        "volume_extension:volume_admin_actions:force_delete",
        ADMIN,
        "Force-delete a volume (os-force_delete).",
        _VOLUME_ACTION,
    ),
    route_rule(
        "volume_extension:volume_actions:initialize_connection",
        OWNER,
        "Show the address of a volume (os-initialize_connection).",
        _VOLUME_ACTION,
    ),
    route_rule(
        "volume_extension:volume_actions:terminate_connection",
        OWNER,
        "End a connection to a volume (os-terminate_connection).",
        _VOLUME_ACTION,
    ),
    *(
        route_rule(f"volume_extension:volume_actions:{name}", OWNER, f"{text} (os-{name}).", _VOLUME_ACTION)
        for name, text in (
            ("reserve", "Reserve a volume for an attachment"),
            ("unreserve", "Cancel a reservation"),
            ("attach", "Record that a volume is attached"),
            ("detach", "Record that a volume is detached"),
            ("begin_detaching", "Record that a volume is being detached"),
            ("roll_detaching", "Record that a volume is not being detached any more"),
            ("set_bootable", "Set whether a volume is bootable"),
            ("update_readonly_flag", "Set whether a volume is read-only"),
        )
    ),
    route_rule("volume_extension:volume_image_metadata:set", OWNER, "Set image metadata.", _VOLUME_ACTION),
    route_rule(
        "volume_extension:volume_image_metadata:remove", OWNER, "Remove image metadata.", _VOLUME_ACTION
    ),
    route_rule("volume_extension:volume_image_metadata:show", READER, "Show image metadata.", _VOLUME_ACTION),
    route_rule(
        "volume_extension:volume_admin_actions:force_detach",
        ADMIN,
        "Detach a volume in any status (os-force_detach).",
        _VOLUME_ACTION,
    ),
    route_rule(
        "volume_extension:volume_admin_actions:reset_status",
        ADMIN,
        "Reset the status of a volume (os-reset_status).",
        _VOLUME_ACTION,
    ),
    route_rule(
        "volume_extension:volume_admin_actions:extend_volume_completion",
        ADMIN,
        "Complete the extension of a volume in use (os-extend_volume_completion). "
        "Not supported: the request is refused with a message.",
        _VOLUME_ACTION,
    ),
    route_rule(
        "volume:reimage",
        OWNER,
        "Write an image into a volume (os-reimage). Not supported: the request is refused with a message.",
        _VOLUME_ACTION,
    ),
    route_rule(HOST, ADMIN, "Show the backend of a volume (os-vol-host-attr).", *_VOLUME_SHOWN),
    route_rule(
        MIGRATION, ADMIN, "Show the migration status of a volume (os-vol-mig-status-attr).", *_VOLUME_SHOWN
    ),
    route_rule(TENANT, READER, "Show the project of a volume (os-vol-tenant-attr).", *_VOLUME_SHOWN),
]

_SNAPSHOT_ACTION = "POST /snapshots/{snapshot_id}/action"

SNAPSHOT_RULES = [
    route_rule(
        "volume:create_snapshot",
        OWNER,
        "Take a snapshot of a volume; checked with each member when a cgsnapshot is taken.",
        "POST /snapshots",
        "POST /cgsnapshots",
    ),
    route_rule("volume:get_snapshot", READER, "Show a snapshot.", "GET /snapshots/{snapshot_id}"),
    route_rule(
        "volume:get_all_snapshots", READER, "List snapshots.", "GET /snapshots", "GET /snapshots/detail"
    ),
    route_rule(
        "volume:update_snapshot",
        OWNER,
        "Change the name or description of a snapshot.",
        "PUT /snapshots/{snapshot_id}",
    ),
    route_rule(
        "volume_extension:snapshot_admin_actions:reset_status",
        ADMIN,
        "Reset the status of a snapshot (os-reset_status).",
        _SNAPSHOT_ACTION,
    ),
    route_rule("volume:delete_snapshot", OWNER, "Delete a snapshot.", "DELETE /snapshots/{snapshot_id}"),
    route_rule(
        "volume_extension:snapshot_admin_actions:force_delete",
        ADMIN,
        "Force-delete a snapshot (os-force_delete).",
        _SNAPSHOT_ACTION,
    ),
    route_rule(
        "volume_extension:snapshot_actions:update_snapshot_status",
        OWNER,
        "Set status and progress of a snapshot whose status was reset (os-update_snapshot_status).",
        _SNAPSHOT_ACTION,
    ),
    route_rule(
        "volume_extension:snapshot_actions:initialize_connection",
        OWNER,
        "Export a snapshot for reading and show its address (os-initialize_connection).",
        _SNAPSHOT_ACTION,
    ),
    route_rule(
        "volume_extension:snapshot_actions:terminate_connection",
        OWNER,
        "Remove the export of a snapshot (os-terminate_connection).",
        _SNAPSHOT_ACTION,
    ),
    route_rule(
        "cgflow:host_file",
        ADMIN,
        "Serve a volume or snapshot as a file on the backend's host (`cgflow:file` in a connector).",
        "POST /volumes/{volume_id}/action",
        _SNAPSHOT_ACTION,
    ),
]

METADATA_RULES = [
    rule
    for noun in ("volume", "snapshot")
    for path in (f"/{noun}s/{{{noun}_id}}/metadata",)
    for rule in (
        route_rule(
            f"volume:get_{noun}_metadata",
            READER,
            f"Show the metadata of a {noun}.",
            f"GET {path}",
            f"GET {path}/{{key}}",
        ),
        route_rule(
            f"volume:create_{noun}_metadata", OWNER, f"Add to the metadata of a {noun}.", f"POST {path}"
        ),
        route_rule(
            f"volume:update_{noun}_metadata",
            OWNER,
            f"Replace the metadata of a {noun}, or one key of it.",
            f"PUT {path}",
            f"PUT {path}/{{key}}",
        ),
        route_rule(
            f"volume:delete_{noun}_metadata",
            OWNER,
            f"Remove a key from the metadata of a {noun}.",
            f"DELETE {path}/{{key}}",
        ),
    )
]

CONNECTION = "volume:attachment_connection_info"
_ATTACHMENT = "/attachments/{attachment_id}"

ATTACHMENT_RULES = [
    route_rule("volume:attachment_create", OWNER, "Reserve a volume for an attachment.", "POST /attachments"),
    route_rule("volume:attachment_get", READER, "Show an attachment.", f"GET {_ATTACHMENT}"),
    route_rule(
        "volume:attachment_get_all",
        READER,
        "List attachments.",
        "GET /attachments",
        "GET /attachments/detail",
    ),
    route_rule(
        "volume:attachment_update", OWNER, "Set the connector of an attachment.", f"PUT {_ATTACHMENT}"
    ),
    route_rule("volume:attachment_delete", OWNER, "End an attachment.", f"DELETE {_ATTACHMENT}"),
    route_rule("volume:attachment_complete", OWNER, "Complete an attachment.", f"POST {_ATTACHMENT}/action"),
    route_rule(
        CONNECTION,
        OWNER,
        "Show the address of an attachment (connection_info).",
        f"GET {_ATTACHMENT}",
        "GET /attachments/detail",
    ),
]

_TRANSFERS = ("/os-volume-transfer", "/volume-transfers")


def _both_transfer_routes(method: str, path: str) -> tuple[str, ...]:
    return tuple(f"{method} {prefix}{path}" for prefix in _TRANSFERS)


TRANSFER_RULES = [
    route_rule(
        "volume:create_transfer",
        OWNER,
        "Offer a volume to another project.",
        *_both_transfer_routes("POST", ""),
    ),
    route_rule(
        "volume:get_transfer", READER, "Show a transfer.", *_both_transfer_routes("GET", "/{transfer_id}")
    ),
    route_rule(
        "volume:get_all_transfers",
        READER,
        "List transfers.",
        *_both_transfer_routes("GET", ""),
        *_both_transfer_routes("GET", "/detail"),
    ),
    route_rule(
        "volume:accept_transfer",
        OWNER,
        "Accept a transfer.",
        *_both_transfer_routes("POST", "/{offer_id}/accept"),
    ),
    route_rule(
        "volume:delete_transfer",
        OWNER,
        "Withdraw a transfer.",
        *_both_transfer_routes("DELETE", "/{transfer_id}"),
    ),
]

MANAGEABLE_RULES = [
    route_rule(
        "volume_extension:list_manageable",
        ADMIN,
        "List the volumes of a backend that have no record.",
        "GET /manageable_volumes",
        "GET /manageable_volumes/detail",
    ),
    route_rule(
        "volume_extension:volume_manage",
        ADMIN,
        "Manage an existing volume. Not supported: the request is refused with a message.",
        "POST /manageable_volumes",
    ),
    route_rule(
        "snapshot_extension:list_manageable",
        ADMIN,
        "List the snapshots of a backend that have no record.",
        "GET /manageable_snapshots",
        "GET /manageable_snapshots/detail",
    ),
    route_rule(
        "snapshot_extension:snapshot_manage",
        ADMIN,
        "Manage an existing snapshot. Not supported: the request is refused with a message.",
        "POST /manageable_snapshots",
    ),
]
