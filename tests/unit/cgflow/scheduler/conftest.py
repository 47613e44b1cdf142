"""Backends and requests by keywords; by default, with free space and without problems."""

from __future__ import annotations

from datetime import datetime, timedelta

from cgflow.drivers.contract import Report
from cgflow.records import Backend
from cgflow.scheduler.request import PlacementRequest

NOW = datetime.fromisoformat("2026-11-22T10:00:00")


def backend(
    name="host@qsd", *, zone="nova", age_s=1, is_up=True, reason=None, total=100.0, free=100.0,
    provisioned=0.0, thin=False, ratio=1.0, **capabilities,
):  # fmt: skip
    return Backend(
        name=name,
        availability_zone=zone,
        report=Report(
            total_gib=total,
            free_gib=free,
            provisioned_gib=provisioned,
            thin=thin,
            max_over_subscription_ratio=ratio,
            capabilities=capabilities,
        ),
        reported_at=NOW - timedelta(seconds=age_s),
        is_up=is_up,
        reason=reason,
    )


def request(**fields):
    return PlacementRequest(**{"id": "V", "now": NOW, **fields})
