"""Rules for what the service tells of itself."""

from __future__ import annotations

from cgflow.policies.base import READER, guard

RULES = [
    guard("extension:get_all", READER, "List the extensions that are offered.", "GET /extensions"),
    guard("extension:get", READER, "Show an extension.", "GET /extensions/{alias}"),
    guard("resource_filter:get_all", READER, "List what lists are filtered by.", "GET /resource_filters"),
]
