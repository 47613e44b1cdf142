"""The filter for backends that meet the extra specs of the volume type."""

from __future__ import annotations

from collections.abc import Mapping

from cgflow import __version__, clock
from cgflow.drivers.contract.cut_evidence import CUT_LEVEL, GROUP_SUPPORT, CutLevel, reported_level
from cgflow.records import Backend
from cgflow.scheduler.filters.extra_specs_ops import meets
from cgflow.scheduler.request import PlacementRequest

_SCOPE = "capabilities"
_ABSENT = object()


class CapabilitiesFilter:
    """Accepts a backend whose capabilities meet every extra spec.

    A key is looked up as it is, or after ``capabilities:``; further colons select nested capabilities. Keys
    of other scopes (``quality:iops``) are not for the scheduler and are ignored.
    """

    def refuse(self, backend: Backend, request: PlacementRequest) -> str | None:
        """Return all missing capabilities as one reason, or None."""
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
    """Return how to allow the lower cut level of a backend, if that is what it lacks."""
    if path != [GROUP_SUPPORT] or reported_level(backend.report) is not CutLevel.PER_VOLUME:
        return ""
    return (
        f"; it cuts one volume after the other, which {CUT_LEVEL}='{CutLevel.PER_VOLUME}' among the extra "
        f"specs of the volume type allows, without {GROUP_SUPPORT} beside it"
    )


def facts_of(backend: Backend) -> dict[str, object]:
    """Return the capabilities for pools and extra specs, under the names of Cinder's scheduler.

    Capabilities that the driver reports take precedence over those known of every backend.
    """
    report = backend.report
    name = backend.name.rpartition("@")[2]
    return {
        "pool_name": name,
        "volume_backend_name": name,
        "vendor_name": "cgflow",
        "driver_version": __version__,
        "total_capacity_gb": report.total_gib,
        "free_capacity_gb": report.free_gib,
        "provisioned_capacity_gb": report.provisioned_gib,
        "max_over_subscription_ratio": report.max_over_subscription_ratio,
        "thin_provisioning_support": report.thin,
        "reserved_percentage": 0,
        "thick_provisioning_support": not report.thin,
        "QoS_support": False,
        "multiattach": False,
        "availability_zone": backend.availability_zone,
        "backend_state": "up" if backend.is_up else "down",
        "timestamp": clock.iso(backend.reported_at),
        "cgflow:reason": backend.reason,
        "cgflow:disabled": backend.disabled_at is not None,
        CUT_LEVEL: reported_level(report),
        **report.capabilities,
    }


def _path(key: str) -> list[str] | None:
    scope, *rest = key.split(":")
    if not rest:
        return [scope]
    return rest if scope == _SCOPE else None


def _look_up(facts: Mapping[str, object], path: list[str]) -> object:
    if ":".join(path) in facts:
        return facts[":".join(path)]
    found: object = facts
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return _ABSENT
        found = found[name]
    return found
