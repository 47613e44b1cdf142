"""The description of a driver, which an entry point of the group ``cgflow.drivers`` names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from oslo_config import cfg

from cgflow.drivers.contract import StorageDriver


@dataclass(frozen=True)
class DriverPlugin:
    """A driver that is not yet configured.

    ``options`` are the options that an operator may set in the section of a backend; the sample configuration
    is generated from them. ``make`` gets the values of the options that are set, by name, together with
    ``name`` (the name of the backend) and ``state_dir`` (the directory in which the driver may keep files).
    It raises ConfigError for invalid values.
    """

    options: Sequence[cfg.Opt]
    make: Callable[[Mapping[str, object]], StorageDriver]
