"""The drivers of this process, by the name of their backend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cgflow.drivers.contract import StorageDriver
from cgflow.errors import FinalDriverError


class Drivers(Mapping[str, StorageDriver]):
    """Drivers by backend name (``host@backend``). A name that is not here is refused in words."""

    def __init__(self, drivers: Mapping[str, StorageDriver]) -> None:
        self._drivers = dict(drivers)

    def __getitem__(self, name: str) -> StorageDriver:
        try:
            return self._drivers[name]
        except KeyError:
            raise FinalDriverError(
                f"Backend {name} is not served by this process, which serves {', '.join(self._drivers)}."
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._drivers

    def __iter__(self) -> Iterator[str]:
        return iter(self._drivers)

    def __len__(self) -> int:
        return len(self._drivers)
