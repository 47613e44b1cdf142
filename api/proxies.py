"""Applies the ``X-Forwarded-*`` headers of trusted proxies, and removes those of all other peers."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

from cgflow.errors import ConfigError

VIA_PROXY = "cgflow.via_proxy"
"""Set in the WSGI environment of requests whose original address a trusted proxy stated."""

_HEADERS = ("FOR", "PROTO", "HOST", "PORT", "PREFIX")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class TrustedProxies:
    """WSGI middleware that applies ``X-Forwarded-*`` of trusted proxies, so that links lead to them."""

    def __init__(self, application: Application, networks: Sequence[Network]) -> None:
        self._application = application
        self._networks = networks
        self._proxied = ProxyFix(application, x_for=1, x_proto=1, x_host=1, x_port=1, x_prefix=1)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Serve a request, with the scheme, host and prefix that the client used."""
        stated = [name for name in _HEADERS if f"HTTP_X_FORWARDED_{name}" in environ]
        if not stated:
            return self._application(environ, start_response)
        if self._is_trusted(environ.get("REMOTE_ADDR", "")):
            environ[VIA_PROXY] = True
            return self._proxied(environ, start_response)
        for name in stated:
            del environ[f"HTTP_X_FORWARDED_{name}"]
        return self._application(environ, start_response)

    def _is_trusted(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def parse_networks(values: Iterable[str]) -> list[Network]:
    """Return the networks of trusted proxies. Raises: ConfigError, if a value is no address or network."""
    found = []
    for text in values:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError as error:
            raise ConfigError(
                f"The option trusted_proxies has {text!r}, which is no address or network: {error}. "
                "Write addresses such as 192.0.2.7, or networks such as 192.0.2.0/24, with commas between."
            ) from error
    return found
