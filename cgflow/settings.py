"""The settings of operations; ``cgflow.config`` reads them from the configuration."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of operations. Times are in seconds."""

    storage_availability_zone: str = "nova"
    default_availability_zone: str | None = None
    default_volume_type: str | None = None
    default_group_type: str | None = None
    no_snapshot_gb_quota: bool = False
    reservation_expire_s: int = 86400
    osapi_max_limit: int = 1000
    service_down_s: int = 60

    @property
    def availability_zone(self) -> str:
        """The zone of a request that names none."""
        return self.default_availability_zone or self.storage_availability_zone
