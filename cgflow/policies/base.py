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
    policy.RuleDefault(IS_ADMIN, "role:admin", "Who administers the service."),
    policy.RuleDefault("context_is_auditor", "role:auditor", "Who may look at all and change nothing."),
    policy.RuleDefault(
        ALL_PROJECTS,
        "rule:context_is_admin or rule:context_is_auditor",
        "Who may see what belongs to other projects. For all others such things do not exist.",
    ),
    policy.RuleDefault(
        "admin_or_owner",
        "rule:context_is_admin or (role:member and project_id:%(project_id)s)",
        "Who may change things: administrators, and the members of the project that owns them.",
    ),
    policy.RuleDefault(
        "admin_or_reader",
        "rule:admin_or_owner or rule:context_is_auditor or (role:reader and project_id:%(project_id)s)",
        "Who may look at things: whoever may change them, the readers of the project, and auditors.",
    ),
]


def guard(name: str, check: str, description: str, *operations: str) -> policy.DocumentedRuleDefault:
    """Return a rule with the operations that it guards, each written ``METHOD /path/{id}``."""
    guarded: list[policy.Operation] = [
        {"method": method, "path": path} for method, path in (words.split(" ", 1) for words in operations)
    ]
    return policy.DocumentedRuleDefault(name, check, description, guarded)
