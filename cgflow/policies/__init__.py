"""Who may do what by default: one file per noun, each rule with the routes that it guards.

An operator overrides single rules in a policy file (``etc/policy.yaml.sample``
lists them all). A route without a rule, or a rule without a route, fails a test.
"""

from __future__ import annotations

from oslo_policy import policy

from cgflow.policies import (
    attachment,
    audit,
    availability_zone,
    backup,
    base,
    cgsnapshot,
    cluster,
    consistencygroup,
    default_type,
    extension,
    failover,
    flow,
    group,
    group_snapshot,
    group_type,
    manageable,
    message,
    metadata,
    pool,
    qos_spec,
    quota,
    service,
    snapshot,
    transfer,
    type_access,
    type_encryption,
    volume,
    volume_type,
)

NOUNS = (
    consistencygroup,
    cgsnapshot,
    volume,
    snapshot,
    metadata,
    attachment,
    volume_type,
    type_access,
    type_encryption,
    qos_spec,
    quota,
    pool,
    service,
    message,
    transfer,
    extension,
    availability_zone,
    flow,
    audit,
    group,
    group_snapshot,
    group_type,
    default_type,
    failover,
    cluster,
    manageable,
    backup,
)


def rules() -> list[policy.DocumentedRuleDefault]:
    """Return the rules that guard routes."""
    return [rule for noun in NOUNS for rule in noun.RULES]


def list_rules() -> list[policy.RuleDefault]:
    """Return every rule with its default, for the sample file as well."""
    return [*base.RULES, *rules()]
