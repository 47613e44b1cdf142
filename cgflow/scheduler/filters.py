"""Filters: each returns the reason why a backend cannot accept a request, or None if it can."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from cgflow import __version__, clock
from cgflow.clock import iso
from cgflow.drivers.contract.cut_evidence import CUT_LEVEL, GROUP_SUPPORT, CutLevel, reported_level
from cgflow.records import Backend
from cgflow.scheduler.extra_specs_ops import meets_requirement
from cgflow.scheduler.request import PlacementRequest


class Filter(Protocol):
    """One condition on a backend. Pure: no I/O, no logging, no clock but the request's."""

    def refuse(self, backend: Backend, request: PlacementRequest) -> str | None:
        """Return why the backend cannot accept the request, worded to follow its name; None if it can."""
        ...


def is_stale(backend: Backend, now: datetime, service_down_s: float) -> bool:
    """Return whether a backend's stored report is too old to be used."""
    return (now - backend.reported_at).total_seconds() > service_down_s


class BackendUpFilter:
    """Accepts a backend that is up by its last report, at most ``service_down_s`` seconds ago."""

    def __init__(self, service_down_s: float = 60) -> None:
        self._service_down_s = service_down_s

    def refuse(self, backend: Backend, request: PlacementRequest) -> str | None:
        """Return the reason for a refusal, or None."""
        since = iso(backend.reported_at)
        if not backend.is_up:
            return f"is down since {since}" + (f" ({backend.reason})" if backend.reason else "")
        allowed = self._service_down_s
        if is_stale(backend, request.now, allowed):
            age = (request.now - backend.reported_at).total_seconds()
            return f"has not reported since {since}: {age:.0f} seconds, and {allowed:.0f} are allowed"
        return None


class EnabledFilter:
    """Accepts a backend that is neither disabled nor frozen, and any for what it already holds."""

    def refuse(self, backend: Backend, request: PlacementRequest) -> str | None:
        """Return the reason for a refusal, or None."""
        if not request.is_new:
            return None
        if backend.frozen_at is not None:
            return f"is frozen since {iso(backend.frozen_at)}"
        if backend.disabled_at is None:
            return None
        why = f" ({backend.disabled_reason})" if backend.disabled_reason else ""
        return f"is disabled since {iso(backend.disabled_at)}{why}"


class AvailabilityZoneFilter:
    """Accepts a backend in the request's availability zone, or any if the request names none."""

    def refuse(self, backend: Backend, request: PlacementRequest) -> str | None:
        """Return the reason for a refusal, or None."""
        if request.availability_zone in (None, backend.availability_zone):
            return None
        return f"is in availability zone '{backend.availability_zone}', not in '{request.availability_zone}'"


class CapacityFilter:
    """Accepts a backend with enough space for the request.

    Thick storage must have the space free. Thin storage may provision more than it has: in total, up to
    ``max_over_subscription_ratio`` times its size; for the request alone, up to that many times its free
    space. A request of size 0 is always accepted, even if no space is left.
    """

    def refuse(self, backend: Backend, request: PlacementRequest) -> str | None:
        """Return the reason for a refusal, or None."""
        size, report = request.size_gib, backend.report
        if size <= 0:
            return None
        if not report.thin:
            return (
                None
                if size <= report.free_gib
                else f"has {_format_gib(report.free_gib)} free, needs {_format_gib(size)}"
            )
        ratio = report.max_over_subscription_ratio
        promised, most = report.provisioned_gib, report.total_gib * ratio
        if promised + size > most:
            return (
                f"has promised {_format_gib(promised)}, and {_format_gib(size)} more would pass the "
                f"{_format_gib(most)} that it may promise "
                f"(its {_format_gib(report.total_gib)} times {ratio:g})"
            )
        if size > report.free_gib * ratio:
            return (
                f"has {_format_gib(report.free_gib)} free, on which it may promise "
                f"{_format_gib(report.free_gib * ratio)} at once, needs {_format_gib(size)}"
            )
        return None


def _format_gib(amount: float) -> str:
    return f"{amount:.10g} GiB"


_SCOPE = "capabilities"
_ABSENT = object()


class CapabilitiesFilter:
    """Accepts a backend whose capabilities meet every extra spec.

    A key is looked up as it is, or after ``capabilities:``; further colons select nested capabilities. Keys
    of other scopes (``quality:iops``) are not for the scheduler and are ignored.
    """

    def refuse(self, backend: Backend, request: PlacementRequest) -> str | None:
        """Return all missing capabilities as one reason, or None."""
        facts = capabilities_of(backend)
        lacks = []
        for key, requirement in sorted(request.extra_specs.items()):
            path = _capability_path(key)
            if path is None:
                continue
            found = _look_up_capability(facts, path)
            if found is _ABSENT or not meets_requirement(found, requirement):
                has = None if found is _ABSENT else found
                lacks.append(
                    f"{':'.join(path)} (needs {requirement!r}, has {has!r}{_cut_level_hint(backend, path)})"
                )
        return f"lacks {', '.join(lacks)}" if lacks else None


def _cut_level_hint(backend: Backend, path: list[str]) -> str:
    """Return how to allow the lower cut level of a backend, if that is what it lacks."""
    if path != [GROUP_SUPPORT] or reported_level(backend.report) is not CutLevel.PER_VOLUME:
        return ""
    return (
        f"; it cuts one volume after the other, which {CUT_LEVEL}='{CutLevel.PER_VOLUME}' among the extra "
        f"specs of the volume type allows, without {GROUP_SUPPORT} beside it"
    )


def capabilities_of(backend: Backend) -> dict[str, object]:
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


def _capability_path(key: str) -> list[str] | None:
    scope, *rest = key.split(":")
    if not rest:
        return [scope]
    return rest if scope == _SCOPE else None


def _look_up_capability(facts: Mapping[str, object], path: list[str]) -> object:
    if ":".join(path) in facts:
        return facts[":".join(path)]
    found: object = facts
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return _ABSENT
        found = found[name]
    return found
