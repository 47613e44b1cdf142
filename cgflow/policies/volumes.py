"""Rules for volumes and snapshots, their metadata, attachments and transfers."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, OWNER, READER, guard

HOST = "volume_extension:volume_host_attribute"
MIGRATION = "volume_extension:volume_mig_status_attribute"
TENANT = "volume_extension:volume_tenant_attribute"
_VOLUME_SHOWN = ("GET /volumes/{volume_id}", "GET /volumes/detail")
_VOLUME_ACTION = "POST /volumes/{volume_id}/action"

VOLUME_RULES = [
    guard("volume:create", OWNER, "Create a volume, in or outside a consistency group.", "POST /volumes"),
    guard("volume:get", READER, "Show a volume.", "GET /volumes/{volume_id}"),
    guard(
        "volume:get_all",
        READER,
        "List volumes.",
        "GET /volumes",
        "GET /volumes/detail",
        "GET /volumes/summary",
    ),
    guard("volume:update", OWNER, "Rename a volume, or describe it anew.", "PUT /volumes/{volume_id}"),
    guard("volume:delete", OWNER, "Delete a volume.", "DELETE /volumes/{volume_id}"),
    guard(
        "volume:force_delete",
        ADMIN,
        "Delete a volume whatever resting status it has (force=true, from 3.23 on).",
        "DELETE /volumes/{volume_id}",
    ),
    guard("volume:extend", OWNER, "Extend a volume (os-extend).", _VOLUME_ACTION),
    guard("volume:retype", OWNER, "Give a volume another type (os-retype).", _VOLUME_ACTION),
    guard("volume:revert_to_snapshot", OWNER, "Put a volume back to a snapshot (revert).", _VOLUME_ACTION),
    guard(
        "volume_extension:volume_admin_actions:migrate_volume",
        ADMIN,
        "Ask for a volume to be moved, which is refused in words (os-migrate_volume).",
        _VOLUME_ACTION,
    ),
    guard(
        "volume_extension:volume_actions:upload_image",
        OWNER,
        "Ask for an image of a volume, which is refused in words (os-volume_upload_image).",
        _VOLUME_ACTION,
    ),
    guard(
        "volume_extension:volume_admin_actions:force_delete",
        ADMIN,
        "Delete a volume whatever resting status it has (os-force_delete).",
        _VOLUME_ACTION,
    ),
    guard(
        "volume_extension:volume_actions:initialize_connection",
        OWNER,
        "Learn the address of a volume (os-initialize_connection).",
        _VOLUME_ACTION,
    ),
    guard(
        "volume_extension:volume_actions:terminate_connection",
        OWNER,
        "Say that a volume is no longer used (os-terminate_connection).",
        _VOLUME_ACTION,
    ),
    *(
        guard(f"volume_extension:volume_actions:{name}", OWNER, f"{words} (os-{name}).", _VOLUME_ACTION)
        for name, words in (
            ("reserve", "Keep a volume for whoever attaches it next"),
            ("unreserve", "Take a reservation back"),
            ("attach", "Say who uses a volume"),
            ("detach", "Say that a volume is not used any more"),
            ("begin_detaching", "Announce that a volume is going to be detached"),
            ("roll_detaching", "Take that announcement back"),
            ("set_bootable", "Say whether a machine can be started from a volume"),
            ("update_readonly_flag", "Say whether clients may only read a volume"),
        )
    ),
    guard("volume_extension:volume_image_metadata:set", OWNER, "Set image metadata.", _VOLUME_ACTION),
    guard("volume_extension:volume_image_metadata:remove", OWNER, "Remove image metadata.", _VOLUME_ACTION),
    guard("volume_extension:volume_image_metadata:show", READER, "Show image metadata.", _VOLUME_ACTION),
    guard(
        "volume_extension:volume_admin_actions:force_detach",
        ADMIN,
        "Detach a volume whatever its status is (os-force_detach).",
        _VOLUME_ACTION,
    ),
    guard(
        "volume_extension:volume_admin_actions:reset_status",
        ADMIN,
        "Set the status of a volume by hand (os-reset_status).",
        _VOLUME_ACTION,
    ),
    guard(
        "volume_extension:volume_admin_actions:extend_volume_completion",
        ADMIN,
        "Complete the extension of a volume in use, which is refused in words (os-extend_volume_completion).",
        _VOLUME_ACTION,
    ),
    guard(
        "volume:reimage",
        OWNER,
        "Have an image written into a volume, which is refused in words (os-reimage).",
        _VOLUME_ACTION,
    ),
    guard(HOST, ADMIN, "See which backend holds a volume (os-vol-host-attr).", *_VOLUME_SHOWN),
    guard(MIGRATION, ADMIN, "See whether a volume migrates (os-vol-mig-status-attr).", *_VOLUME_SHOWN),
    guard(TENANT, READER, "See to which project a volume belongs (os-vol-tenant-attr).", *_VOLUME_SHOWN),
]

_SNAPSHOT_ACTION = "POST /snapshots/{snapshot_id}/action"

SNAPSHOT_RULES = [
    guard(
        "volume:create_snapshot",
        OWNER,
        "Take a snapshot of a volume; checked with every member when a cgsnapshot is taken.",
        "POST /snapshots",
        "POST /cgsnapshots",
    ),
    guard("volume:get_snapshot", READER, "Show a snapshot.", "GET /snapshots/{snapshot_id}"),
    guard("volume:get_all_snapshots", READER, "List snapshots.", "GET /snapshots", "GET /snapshots/detail"),
    guard(
        "volume:update_snapshot",
        OWNER,
        "Rename a snapshot, or describe it anew.",
        "PUT /snapshots/{snapshot_id}",
    ),
    guard(
        "volume_extension:snapshot_admin_actions:reset_status",
        ADMIN,
        "Set the status of a snapshot by hand (os-reset_status).",
        _SNAPSHOT_ACTION,
    ),
    guard("volume:delete_snapshot", OWNER, "Delete a snapshot.", "DELETE /snapshots/{snapshot_id}"),
    guard(
        "volume_extension:snapshot_admin_actions:force_delete",
        ADMIN,
        "Delete a snapshot as an administrator (os-force_delete).",
        _SNAPSHOT_ACTION,
    ),
    guard(
        "volume_extension:snapshot_actions:update_snapshot_status",
        OWNER,
        "Set status and progress of a snapshot whose status was reset (os-update_snapshot_status).",
        _SNAPSHOT_ACTION,
    ),
    guard(
        "volume_extension:snapshot_actions:initialize_connection",
        OWNER,
        "Make a snapshot readable and learn its address (os-initialize_connection).",
        _SNAPSHOT_ACTION,
    ),
    guard(
        "volume_extension:snapshot_actions:terminate_connection",
        OWNER,
        "Withdraw the address of a snapshot (os-terminate_connection).",
        _SNAPSHOT_ACTION,
    ),
    guard(
        "cgflow:host_file",
        ADMIN,
        "Have a volume or a snapshot as a file on the backend's host (`cgflow:file` in a connector).",
        "POST /volumes/{volume_id}/action",
        _SNAPSHOT_ACTION,
    ),
]

METADATA_RULES = [
    rule
    for noun in ("volume", "snapshot")
    for path in (f"/{noun}s/{{{noun}_id}}/metadata",)
    for rule in (
        guard(
            f"volume:get_{noun}_metadata",
            READER,
            f"Show the metadata of a {noun}.",
            f"GET {path}",
            f"GET {path}/{{key}}",
        ),
        guard(f"volume:create_{noun}_metadata", OWNER, f"Add to the metadata of a {noun}.", f"POST {path}"),
        guard(
            f"volume:update_{noun}_metadata",
            OWNER,
            f"Replace the metadata of a {noun}, or one key of it.",
            f"PUT {path}",
            f"PUT {path}/{{key}}",
        ),
        guard(
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
    guard("volume:attachment_create", OWNER, "Keep a volume for somebody.", "POST /attachments"),
    guard("volume:attachment_get", READER, "Show an attachment.", f"GET {_ATTACHMENT}"),
    guard(
        "volume:attachment_get_all",
        READER,
        "List attachments.",
        "GET /attachments",
        "GET /attachments/detail",
    ),
    guard("volume:attachment_update", OWNER, "Say who connects to a volume.", f"PUT {_ATTACHMENT}"),
    guard("volume:attachment_delete", OWNER, "End an attachment.", f"DELETE {_ATTACHMENT}"),
    guard("volume:attachment_complete", OWNER, "Say that a volume is in use.", f"POST {_ATTACHMENT}/action"),
    guard(
        CONNECTION,
        OWNER,
        "See the address that a client was given (connection_info).",
        f"GET {_ATTACHMENT}",
        "GET /attachments/detail",
    ),
]

_TRANSFERS = ("/os-volume-transfer", "/volume-transfers")


def _both(method: str, path: str) -> tuple[str, ...]:
    return tuple(f"{method} {prefix}{path}" for prefix in _TRANSFERS)


TRANSFER_RULES = [
    guard("volume:create_transfer", OWNER, "Offer a volume to another project.", *_both("POST", "")),
    guard("volume:get_transfer", READER, "Show an offer.", *_both("GET", "/{transfer_id}")),
    guard("volume:get_all_transfers", READER, "List offers.", *_both("GET", ""), *_both("GET", "/detail")),
    guard("volume:accept_transfer", OWNER, "Take an offer up.", *_both("POST", "/{offer_id}/accept")),
    guard("volume:delete_transfer", OWNER, "Take an offer back.", *_both("DELETE", "/{transfer_id}")),
]

MANAGEABLE_RULES = [
    guard(
        "volume_extension:list_manageable",
        ADMIN,
        "List the volumes of a backend that no record knows.",
        "GET /manageable_volumes",
        "GET /manageable_volumes/detail",
    ),
    guard(
        "volume_extension:volume_manage",
        ADMIN,
        "Ask for such a volume to be taken over, which is refused in words.",
        "POST /manageable_volumes",
    ),
    guard(
        "snapshot_extension:list_manageable",
        ADMIN,
        "List the snapshots of a backend that no record knows.",
        "GET /manageable_snapshots",
        "GET /manageable_snapshots/detail",
    ),
    guard(
        "snapshot_extension:snapshot_manage",
        ADMIN,
        "Ask for such a snapshot to be taken over, which is refused in words.",
        "POST /manageable_snapshots",
    ),
]
