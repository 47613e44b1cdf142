"""Backends that can do what the extra specs of the volume type ask for."""

from __future__ import annotations

from collections.abc import Mapping

from cgflow.drivers.evidence import CUT_LEVEL, GROUP_SUPPORT, Level, level_of
from cgflow.records import Backend
from cgflow.scheduler.filters.extra_specs_ops import meets
from cgflow.scheduler.request import PlacementRequest

_SCOPE = "capabilities"
_ABSENT = object()


class CapabilitiesFilter:
    """Accepts a backend whose capabilities meet every extra spec.

    A key is looked up as it stands, or behind ``capabilities:``; further colons
    lead into nested capabilities. Keys of other scopes (``quality:iops``) are
    not for the scheduler and are left to others.
    """

    def refuse(self, backend: Backend, request: PlacementRequest) -> str | None:
        """Return everything that is lacking, or None."""
        facts = facts_of(backend)
        lacks = []
        for key, requirement in sorted(request.extra_specs.items()):
            path = _path(key)
            if path is None:
                continue
            found = _look_up(facts, path)
            if found is _ABSENT or not meets(found, requirement):
                has = None if found is _ABSENT else found
                lacks.append(f"{':'.join(path)} (needs {requirement!r}, has {has!r}{_hint(backend, path)})")
        return f"lacks {', '.join(lacks)}" if lacks else None


def _hint(backend: Backend, path: list[str]) -> str:
    """Return how the lower level of a backend would be allowed, where that is what it lacks."""
    if path != [GROUP_SUPPORT] or level_of(backend.report) is not Level.PER_VOLUME:
        return ""
    return (
        f"; it cuts one volume after the other, which {CUT_LEVEL}='{Level.PER_VOLUME}' among the extra specs "
        f"of the volume type allows, without {GROUP_SUPPORT} beside it"
    )


def facts_of(backend: Backend) -> dict[str, object]:
    """Return what extra specs may ask about: what the driver says of itself, over what is known of any."""
    report = backend.report
    return {
        "volume_backend_name": backend.name.rpartition("@")[2],
        "total_capacity_gb": report.total_gib,
        "free_capacity_gb": report.free_gib,
        "provisioned_capacity_gb": report.provisioned_gib,
        "max_over_subscription_ratio": report.max_over_subscription_ratio,
        "thin_provisioning_support": report.thin,
        "thick_provisioning_support": not report.thin,
        CUT_LEVEL: level_of(report),
        **report.capabilities,
    }


def _path(key: str) -> list[str] | None:
    scope, *rest = key.split(":")
    if not rest:
        return [scope]
    return rest if scope == _SCOPE else None


def _look_up(facts: Mapping[str, object], path: list[str]) -> object:
    found: object = facts
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return _ABSENT
        found = found[name]
    return found
