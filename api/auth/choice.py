"""Selects the auth strategy that the configuration names."""

from __future__ import annotations

from pathlib import Path

from oslo_config import cfg

from api.auth.http_basic import HttpBasic
from api.auth.identity import Strategy
from api.auth.noauth import NoAuth


def strategy(conf: cfg.ConfigOpts) -> Strategy:
    """Return the strategy that ``auth_strategy`` names, ready for use. Raises: ConfigError."""
    if conf.auth_strategy == "http_basic":
        return HttpBasic(
            Path(conf.http_basic_auth_user_file),
            Path(conf.http_basic_auth_project_file),
            most_checks=max(1, conf.engine.http_threads // 2),
        )
    if conf.auth_strategy == "keystone":
        # These imports take half a second, so they happen only if they are needed.
        from api.auth.keystone import Keystone

        return Keystone(conf)
    return NoAuth()
