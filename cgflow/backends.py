"""The backends of a service: one driver for each, configured by its section of the configuration.

A backend has a name, a driver (an entry point of ``cgflow.drivers``) and options. ``[DEFAULT]
enabled_backends`` lists the names, and the section with the backend's name has its options, as in
Cinder. Without a section, the backend's name is that of its driver.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oslo_config import cfg
from stevedore import DriverManager, ExtensionManager
from stevedore.exception import NoMatches

from cgflow import config_spelling
from cgflow.drivers.contract import DriverPlugin, StorageDriver
from cgflow.errors import ConfigError

COMMON: list[cfg.Opt] = [
    cfg.StrOpt(
        "driver",
        help="Name of the installed driver. Default: the name of this section.",
    ),
    cfg.StrOpt(
        "state_dir",
        help="Directory in which the backend keeps its files, in a folder with the name of this section. "
        "Default: the state directory of the service.",
    ),
]
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


def make_drivers(conf: cfg.ConfigOpts, names: Sequence[str], state_dir: Path) -> dict[str, StorageDriver]:
    """Return a driver for each backend named, not started.

    Raises: ConfigError, if there is no name, a driver or an option is unknown, or a required option is not
    set; oslo_config.cfg.Error, if an option has an invalid value.
    """
    if not names:
        raise ConfigError("No backend is configured. Name one in enabled_backends, or with --backend.")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ConfigError(f"Backend {repeated[0]} is named more than once. Name each backend once.")
    return {name: _make_driver(conf, name, state_dir) for name in names}


def sample_options() -> list[tuple[str | None, list[cfg.Opt]]]:
    """Return the options of each driver, in a section with its name, for the sample file."""
    return [(name, [*COMMON, *_load_plugin(name).options]) for name in _installed_drivers()]


def known_options(written: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[str, set[str]]:
    """Return the options of every section that configures a backend, whether enabled or not.

    A section does if it names its driver, or has the name of one.
    """
    names = {
        section: (values.get("driver") or [section])[-1]
        for section, values in written.items()
        if "driver" in values or section in _installed_drivers()
    }
    return {
        section: {option.dest for option in (*COMMON, *_load_plugin(driver).options)}
        for section, driver in names.items()
        if driver in _installed_drivers()
    }


def _installed_drivers() -> list[str]:
    return sorted(ExtensionManager("cgflow.drivers").names())


def _load_plugin(name: str) -> DriverPlugin:
    try:
        found: Any = DriverManager("cgflow.drivers", name)
    except NoMatches:
        raise ConfigError(
            f"There is no driver {name!r}. Installed drivers: {', '.join(_installed_drivers())}."
        ) from None
    kind: DriverPlugin = found.driver
    return kind


def _make_driver(conf: cfg.ConfigOpts, name: str, state_dir: Path) -> StorageDriver:
    if not _NAME.fullmatch(name):
        raise ConfigError(f"Invalid name of a backend: {name!r}. Use letters, digits and _.- only.")
    conf.register_opts(COMMON, group=name)
    kind = _load_plugin(conf[name].driver or name)
    conf.register_opts(kind.options, group=name)
    known = {option.dest for option in (*COMMON, *kind.options)}
    written = config_spelling.read_values(Path(path) for path in conf.config_file or [])
    unknown = sorted(written.get(name, {}).keys() - known)
    if unknown:
        raise ConfigError(
            f"Backend {name} has no option {', '.join(unknown)}. Valid options: {', '.join(sorted(known))}."
        )
    try:
        values = {option.dest: conf[name][option.dest] for option in kind.options}
    except cfg.ConfigFileValueError as error:
        raise cfg.Error(f"backend {name}: {error}") from error
    for option in kind.options:
        if option.required and values[option.dest] in (None, ""):
            raise ConfigError(f"Backend {name} needs the option {option.dest}: {option.help}")
    return kind.make(name=name, state_dir=Path(conf[name].state_dir or state_dir), **values)
