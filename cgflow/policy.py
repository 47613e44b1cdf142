"""The authorization policy: the documented defaults, and the operator's file that overrides them.

The file is reloaded when it has changed, and refused with a message when it is invalid.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from oslo_config import cfg
from oslo_policy import policy

from cgflow.context import RequestContext
from cgflow.errors import ConfigError
from cgflow.policies import base, list_rules
from cgflow.reloading_file import ReloadingFile, read_yaml

_NOBODY = "!"
_REMOTE = ("http", "https")
_MAX_CHECK_LENGTH = 2048
_MAX_DEPTH = 16
_SAMPLE_CALLER = {"user_id": "a", "project_id": "a", "roles": ["a"]}
_FIELD = re.compile(r"%\(\w[\w.:-]*\)s|%%")
_FIELD_NAME = re.compile(r"%\((\w[\w.:-]*)\)s")
_REMEMBERED = 4096


class Policy:
    """The rules in force. Thread-safe."""

    def __init__(self, path: Path | None = None) -> None:
        """Load the defaults, overridden by the file at ``path``. Raises: ConfigError."""
        self._changed = None if path is None else ReloadingFile(path, _read_rules, may_become_empty=False)
        self._default = _Rules({})

    def permits(self, rule: str, target: Mapping[str, object], context: RequestContext) -> bool:
        """Return whether a rule permits a caller to act on a target, given by its fields."""
        rules = self._default if self._changed is None else self._changed.value
        return rules.permits(rule, target, context)

    def is_admin(self, context: RequestContext) -> bool:
        """Return whether a caller is an administrator."""
        return self.permits(base.IS_ADMIN, {}, context)

    def sees_all_projects(self, context: RequestContext) -> bool:
        """Return whether a caller may see resources of other projects."""
        return self.permits(base.ALL_PROJECTS, {}, context)


class _Rules:
    """The rules of one state of the file, and their latest decisions.

    A decision depends on nothing but the caller and the fields of the target that checks name. So it is
    remembered: evaluating a rule costs as much as the rest of a small request.
    """

    def __init__(self, overrides: Mapping[str, str]) -> None:
        """Raises: ConfigError."""
        texts = {rule.name: rule.check_str for rule in list_rules()} | dict(overrides)
        self._enforcer = _build_enforcer(texts)
        self._fields = sorted({name for text in texts.values() for name in _FIELD_NAME.findall(text)})
        self._decide = lru_cache(maxsize=_REMEMBERED)(self._enforce)

    def permits(self, rule: str, target: Mapping[str, object], context: RequestContext) -> bool:
        """See ``Policy.permits``."""
        # A check compares the text of a field.
        fields = tuple((name, str(target[name])) for name in self._fields if name in target)
        return self._decide(rule, fields, context.user_id, context.project_id, context.roles)

    def _enforce(
        self,
        rule: str,
        fields: tuple[tuple[str, str], ...],
        user_id: str,
        project_id: str,
        roles: Collection[str],
    ) -> bool:
        credentials = {"user_id": user_id, "project_id": project_id, "roles": sorted(roles)}
        return bool(self._enforcer.enforce(rule, dict(fields), credentials))


def _read_rules(path: Path) -> _Rules:
    return _Rules(read_overrides(path))


def read_overrides(path: Path) -> dict[str, str]:
    """Return the rules in a policy file. Raises: ConfigError, naming the file and the rule."""
    content = read_yaml(path, "policy file")
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"The policy file {path} must map names of rules to checks.")
    known = {rule.name for rule in list_rules()}
    for name, check in content.items():
        if name not in known:
            raise ConfigError(
                f"The policy file {path} names a rule that does not exist: {name!r}. "
                "etc/policy.yaml.sample lists those that do."
            )
        if not isinstance(check, str) or not _is_valid_check(check):
            check = check[:255] if isinstance(check, str) else check
            raise ConfigError(
                f"The policy file {path} has a check for {name} that cannot be understood: {check!r}. "
                'Write something like "rule:admin_or_owner", "role:member", "!" for nobody.'
            )
    return content


def _is_valid_check(check: str) -> bool:
    """Return whether a check is valid, and can be evaluated for any target without an error."""
    if len(check) > _MAX_CHECK_LENGTH:
        return False
    parsed = policy.RuleDefault("asked", check).check
    # oslo.policy parses an invalid part as "!" (nobody), so an invalid check has more of these than its text.
    if str(parsed).count(_NOBODY) > check.count(_NOBODY):
        return False
    return all(leaf is not None and _can_evaluate(leaf) for leaf in _elementary_checks(parsed, _MAX_DEPTH))


def _can_evaluate(leaf: Any) -> bool:
    """Return whether a check can be evaluated for every request, without a call to another service."""
    # Fields of the target are inserted with %-formatting.
    if "%" in _FIELD.sub("", str(getattr(leaf, "match", ""))):
        return False
    if getattr(leaf, "kind", None) in _REMOTE:
        return False
    try:
        leaf(defaultdict(str), _SAMPLE_CALLER, SimpleNamespace(rules={}))
    except Exception:  # noqa: BLE001 - any failure would also occur in a request
        return False
    return True


def _elementary_checks(check: Any, depth: int) -> Iterator[Any]:
    """Yield the elementary checks of a check; None in place of one that is nested too deeply."""
    inner = [*getattr(check, "rules", ()), *filter(None, [getattr(check, "rule", None)])]
    if not inner or not depth:
        yield None if inner else check
        return
    for one in inner:
        yield from _elementary_checks(one, depth - 1)


def _build_enforcer(texts: Mapping[str, str]) -> policy.Enforcer:
    """Return an enforcer of these rules, given by their checks. Raises: ConfigError."""
    enforcer = policy.Enforcer(cfg.ConfigOpts(), use_conf=False)
    enforcer.set_rules(policy.Rules.from_dict(dict(texts)))
    try:
        enforcer.check_rules(raise_on_violation=True)
    except policy.InvalidDefinitionError as error:
        raise ConfigError(
            f"The policy file refers to rules that do not exist, or in a circle: {error}."
        ) from error
    return enforcer
