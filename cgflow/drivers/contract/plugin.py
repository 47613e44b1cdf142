"""A kind of storage: what an entry point of the group ``cgflow.drivers`` names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from oslo_config import cfg

from cgflow.drivers.contract import StorageDriver


@dataclass(frozen=True)
class DriverPlugin:
    """A driver before it is set up.

    ``options`` are what an operator may write into the section of a backend;
    they also make the sample configuration. ``make`` gets their values by
    name, with ``name``, that of the backend, and ``state_dir``, the directory
    in which it may keep files; it raises ConfigError for values that cannot be.
    An option that is not set is left out.
    """

    options: Sequence[cfg.Opt]
    make: Callable[[Mapping[str, object]], StorageDriver]
