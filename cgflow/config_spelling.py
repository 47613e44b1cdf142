"""Checks of configuration files: unknown sections and options, and references to unknown options.

oslo.config ignores unknown sections and options. Here they are reported with the most similar known
name. If the security of the service depends on one, the service does not start.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from oslo_config import cfg

from cgflow.errors import ConfigError

LOG = logging.getLogger(__name__)

DEFAULT = "DEFAULT"
KEYSTONE = "keystone_authtoken"

Options = Mapping[str, Collection[str]]
"""Names of options by section."""

_SECURITY = {
    DEFAULT: ("auth_strategy", "http_basic_auth_user_file", "http_basic_auth_project_file"),
    "http": ("trusted_proxies",),
    "oslo_policy": ("policy_file",),
}
"""Options on which the security of the service depends, by section."""

_REFERENCE = re.compile(r"\$\$|\$(?:\{([A-Za-z_][\w.]*)\}|([A-Za-z_][\w.]*))")


def read_values(files: Iterable[Path]) -> dict[str, dict[str, list[str]]]:
    """Return the values in configuration files, by section and option. Raises: oslo_config.cfg.Error."""
    found: dict[str, dict[str, list[str]]] = {}
    for path in files:
        sections: dict[str, dict[str, list[str]]] = {}
        cfg.ConfigParser(str(path), sections).parse()
        for section, values in sections.items():
            found.setdefault(section, {}).update(values)
    return found


def check_references(values: Mapping[str, Mapping[str, Sequence[str]]], known: Options) -> None:
    """Check that each ``$name`` in a value, such as a password, names an option. Raises: ConfigError."""
    for section, options in values.items():
        names = {*known.get(DEFAULT, ()), *known.get(section, ()), *values.get(DEFAULT, ()), *options}
        for option, texts in options.items():
            for match in _REFERENCE.finditer("\n".join(texts)):
                name = match[1] or match[2]
                group, _, inner = (name or "").rpartition(".")
                if name is None or name in names or inner in {*known.get(group, ()), *values.get(group, ())}:
                    continue
                raise ConfigError(
                    f"The value of {option} in [{section}] has {match[0]}, which refers to an option that "
                    "there is not. Write $$ for a dollar sign."
                )


def check_spelling(values: Mapping[str, Mapping[str, object]], known: Options) -> None:
    """Report unknown sections and options. Raises: ConfigError, if security depends on one.

    ``known`` maps each section that is read to its options.
    """
    for section, options in values.items():
        if section not in known:
            _report_section(section, options, known)
            continue
        for option in sorted(options):
            if option not in known[section]:
                _report_option(section, option, known)


def _report_section(section: str, options: Collection[str], known: Options) -> None:
    near = _closest_name(section, {*known, KEYSTONE})
    hint = (
        f" Is [{near}] meant?" if near else f" Sections: {', '.join(f'[{name}]' for name in sorted(known))}."
    )
    is_secure = near in (*_SECURITY, KEYSTONE) or any(
        option in names for option in options for names in _SECURITY.values()
    )
    _warn_or_refuse(
        f"The configuration has a section [{section}] that nothing reads.{hint}", refused=is_secure
    )


def _report_option(section: str, option: str, known: Options) -> None:
    place = next((name for name in known if option in known[name] and name != section), None)
    near = option if place else _closest_name(option, known[section])
    if near is None:
        place = next((name for name in known if _closest_name(option, known[name])), None)
        near = _closest_name(option, known[place]) if place else None
    place = place or section
    hint = f" Is {near} in [{place}] meant?" if near else ""
    is_secure = section == KEYSTONE or near in _SECURITY.get(place, ())
    _warn_or_refuse(
        f"The configuration has an option {option} in [{section}] that nothing reads.{hint}",
        refused=is_secure,
    )


def _warn_or_refuse(message: str, *, refused: bool) -> None:
    if refused:
        raise ConfigError(f"{message} The security of the service depends on it: correct or remove it.")
    LOG.warning("%s", message)


def _closest_name(word: str, known: Collection[str]) -> str | None:
    by_lower = {name.lower(): name for name in known}
    found = get_close_matches(word.lower(), list(by_lower), 1, 0.75)
    return by_lower[found[0]] if found else None
