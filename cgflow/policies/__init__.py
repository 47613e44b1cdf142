"""The default policy: each rule with the routes that it guards.

An operator overrides single rules in a policy file (``etc/policy.yaml.sample`` lists all rules). A test fails
for a route without a rule and for a rule without a route.
"""

from __future__ import annotations

from oslo_policy import policy

from cgflow.policies import administration, base, groups, not_offered, types, volumes

_IN_ORDER = (
    groups.CONSISTENCYGROUP_RULES,
    groups.CGSNAPSHOT_RULES,
    volumes.VOLUME_RULES,
    volumes.SNAPSHOT_RULES,
    volumes.METADATA_RULES,
    volumes.ATTACHMENT_RULES,
    types.VOLUME_TYPE_RULES,
    types.TYPE_ACCESS_RULES,
    types.TYPE_ENCRYPTION_RULES,
    types.QOS_SPEC_RULES,
    administration.QUOTA_RULES,
    administration.POOL_RULES,
    administration.SERVICE_RULES,
    administration.MESSAGE_RULES,
    volumes.TRANSFER_RULES,
    administration.EXTENSION_RULES,
    administration.AVAILABILITY_ZONE_RULES,
    administration.FLOW_RULES,
    administration.AUDIT_RULES,
    groups.GROUP_RULES,
    groups.GROUP_SNAPSHOT_RULES,
    groups.GROUP_TYPE_RULES,
    types.DEFAULT_TYPE_RULES,
    not_offered.FAILOVER_RULES,
    not_offered.CLUSTER_RULES,
    volumes.MANAGEABLE_RULES,
    not_offered.BACKUP_RULES,
)


def route_rules() -> list[policy.DocumentedRuleDefault]:
    """Return the rules that guard routes."""
    return [rule for rules in _IN_ORDER for rule in rules]


def list_rules() -> list[policy.RuleDefault]:
    """Return every rule with its default, also for the sample file."""
    return [*base.RULES, *route_rules()]
