"""Rules for the audit: who may look at everything that there is, and who may have it repaired."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, AUDITOR, guard

RULES = [
    guard("audit:get", AUDITOR, "Compare records, quota, flows and backends.", "GET /audit"),
    guard("audit:repair", ADMIN, "Have what an audit finds repaired.", "POST /audit"),
]
