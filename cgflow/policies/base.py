"""The base rules that all others refer to: administrator, auditor, owner and reader."""

from __future__ import annotations

from oslo_policy import policy

ADMIN = "rule:context_is_admin"
OWNER = "rule:admin_or_owner"
READER = "rule:admin_or_reader"

ALL_PROJECTS = "context_sees_all_projects"
IS_ADMIN = "context_is_admin"
AUDITOR = f"rule:{ALL_PROJECTS}"

RULES = [
    policy.RuleDefault(IS_ADMIN, "role:admin", "Administrators of the service."),
    policy.RuleDefault(
        "context_is_auditor", "role:auditor", "Auditors, who may see everything and change nothing."
    ),
    policy.RuleDefault(
        ALL_PROJECTS,
        "rule:context_is_admin or rule:context_is_auditor",
        "Callers who may see resources of other projects. For all others, such resources are not found.",
    ),
    policy.RuleDefault(
        "admin_or_owner",
        "rule:context_is_admin or (role:member and project_id:%(project_id)s)",
        "Callers who may change a resource: administrators, and members of its project.",
    ),
    policy.RuleDefault(
        "admin_or_reader",
        "rule:admin_or_owner or rule:context_is_auditor or (role:reader and project_id:%(project_id)s)",
        "Callers who may see a resource: those who may change it, readers of its project, and auditors.",
    ),
]


def route_rule(name: str, check: str, description: str, *operations: str) -> policy.DocumentedRuleDefault:
    """Return a rule with the operations that it guards, each written ``METHOD /path/{id}``."""
    guarded: list[policy.Operation] = [
        {"method": method, "path": path} for method, path in (words.split(" ", 1) for words in operations)
    ]
    return policy.DocumentedRuleDefault(name, check, description, guarded)
