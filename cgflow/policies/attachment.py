"""Rules for attachments."""

from __future__ import annotations

from cgflow.policies.base import OWNER, READER, guard

CONNECTION = "volume:attachment_connection_info"
_ONE = "/attachments/{attachment_id}"

RULES = [
    guard("volume:attachment_create", OWNER, "Keep a volume for somebody.", "POST /attachments"),
    guard("volume:attachment_get", READER, "Show an attachment.", f"GET {_ONE}"),
    guard(
        "volume:attachment_get_all",
        READER,
        "List attachments.",
        "GET /attachments",
        "GET /attachments/detail",
    ),
    guard("volume:attachment_update", OWNER, "Say who connects to a volume.", f"PUT {_ONE}"),
    guard("volume:attachment_delete", OWNER, "End an attachment.", f"DELETE {_ONE}"),
    guard("volume:attachment_complete", OWNER, "Say that a volume is in use.", f"POST {_ONE}/action"),
    guard(
        CONNECTION,
        OWNER,
        "See the address that a client was given (connection_info).",
        f"GET {_ONE}",
        "GET /attachments/detail",
    ),
]
