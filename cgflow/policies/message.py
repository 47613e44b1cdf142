"""Rules for messages."""

from __future__ import annotations

from cgflow.policies.base import OWNER, READER, guard

RULES = [
    guard("message:get_all", READER, "List messages.", "GET /messages"),
    guard("message:get", READER, "Show a message.", "GET /messages/{message_id}"),
    guard("message:delete", OWNER, "Delete a message.", "DELETE /messages/{message_id}"),
]
