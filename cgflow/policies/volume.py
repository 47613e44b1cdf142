"""Rules for volumes."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, OWNER, READER, guard

HOST = "volume_extension:volume_host_attribute"
MIGRATION = "volume_extension:volume_mig_status_attribute"
TENANT = "volume_extension:volume_tenant_attribute"
_SHOWN = ("GET /volumes/{volume_id}", "GET /volumes/detail")
_ACTION = "POST /volumes/{volume_id}/action"

RULES = [
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
    guard("volume:extend", OWNER, "Extend a volume (os-extend).", _ACTION),
    guard("volume:retype", OWNER, "Give a volume another type (os-retype).", _ACTION),
    guard("volume:revert_to_snapshot", OWNER, "Put a volume back to a snapshot (revert).", _ACTION),
    guard(
        "volume_extension:volume_admin_actions:migrate_volume",
        ADMIN,
        "Ask for a volume to be moved, which is refused in words (os-migrate_volume).",
        _ACTION,
    ),
    guard(
        "volume_extension:volume_actions:upload_image",
        OWNER,
        "Ask for an image of a volume, which is refused in words (os-volume_upload_image).",
        _ACTION,
    ),
    guard(
        "volume_extension:volume_admin_actions:force_delete",
        ADMIN,
        "Delete a volume whatever resting status it has (os-force_delete).",
        _ACTION,
    ),
    guard(
        "volume_extension:volume_actions:initialize_connection",
        OWNER,
        "Learn the address of a volume (os-initialize_connection).",
        _ACTION,
    ),
    guard(
        "volume_extension:volume_actions:terminate_connection",
        OWNER,
        "Say that a volume is no longer used (os-terminate_connection).",
        _ACTION,
    ),
    *(
        guard(f"volume_extension:volume_actions:{name}", OWNER, f"{words} (os-{name}).", _ACTION)
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
    guard("volume_extension:volume_image_metadata:set", OWNER, "Set image metadata.", _ACTION),
    guard("volume_extension:volume_image_metadata:remove", OWNER, "Remove image metadata.", _ACTION),
    guard("volume_extension:volume_image_metadata:show", READER, "Show image metadata.", _ACTION),
    guard(
        "volume_extension:volume_admin_actions:force_detach",
        ADMIN,
        "Detach a volume whatever its status is (os-force_detach).",
        _ACTION,
    ),
    guard(
        "volume_extension:volume_admin_actions:reset_status",
        ADMIN,
        "Set the status of a volume by hand (os-reset_status).",
        _ACTION,
    ),
    guard(
        "volume_extension:volume_admin_actions:extend_volume_completion",
        ADMIN,
        "Complete the extension of a volume in use, which is refused in words (os-extend_volume_completion).",
        _ACTION,
    ),
    guard(
        "volume:reimage",
        OWNER,
        "Have an image written into a volume, which is refused in words (os-reimage).",
        _ACTION,
    ),
    guard(HOST, ADMIN, "See which backend holds a volume (os-vol-host-attr).", *_SHOWN),
    guard(MIGRATION, ADMIN, "See whether a volume migrates (os-vol-mig-status-attr).", *_SHOWN),
    guard(TENANT, READER, "See to which project a volume belongs (os-vol-tenant-attr).", *_SHOWN),
]
