"""The drivers of this process by backend name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cgflow.drivers.contract import StorageDriver, SupportsFencing
from cgflow.errors import FinalDriverError
from cgflow.records import Flow


class DriverRegistry(Mapping[str, StorageDriver]):
    """Drivers by backend name (``host@backend``). Raises: FinalDriverError, for an unknown name."""

    def __init__(self, drivers: Mapping[str, StorageDriver]) -> None:
        self._drivers = dict(drivers)

    def open_sessions(self, session: str) -> None:
        """Open the session of this process on every backend that several processes can reach.

        Raises: SessionFenced; DriverError.
        """
        for driver in self.values():
            if isinstance(driver, SupportsFencing):
                driver.open_session(session)

    def fence_predecessor(self, flow: Flow) -> None:
        """Fence the flow's previous conductor off from the flow's backend.

        If the flow has no backend yet, all backends are fenced: the previous conductor may have
        chosen any of them. Backends that one process holds at a time need no fence.

        Raises: SessionFenced, if this process is fenced itself; DriverError, if the previous
        conductor may still be active.
        """
        host = flow.symbols.get("host") or flow.symbols.get("group_host")
        for name, driver in self.items():
            if host in (None, name) and isinstance(driver, SupportsFencing):
                driver.fence(str(flow.conductor))

    def __getitem__(self, name: str) -> StorageDriver:
        try:
            return self._drivers[name]
        except KeyError:
            raise FinalDriverError(
                f"Backend {name} is not served by this process. It serves: {', '.join(self._drivers)}."
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._drivers

    def __iter__(self) -> Iterator[str]:
        return iter(self._drivers)

    def __len__(self) -> int:
        return len(self._drivers)
