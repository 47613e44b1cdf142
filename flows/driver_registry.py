"""The drivers of this process, by the name of their backend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cgflow.drivers.contract import StorageDriver
from cgflow.drivers.contract.fencing import SupportsFencing
from cgflow.errors import FinalDriverError
from cgflow.records import Flow


class DriverRegistry(Mapping[str, StorageDriver]):
    """Drivers by backend name (``host@backend``). A name that is not here is refused in words."""

    def __init__(self, drivers: Mapping[str, StorageDriver]) -> None:
        self._drivers = dict(drivers)

    def open_sessions(self, session: str) -> None:
        """Tell every backend that several processes reach under which session this one works there.

        Raises: SessionFenced; DriverError.
        """
        for driver in self.values():
            if isinstance(driver, SupportsFencing):
                driver.open_session(session)

    def fence_predecessor(self, flow: Flow) -> None:
        """Shut the conductor that a flow names out of the flow's backend.

        A flow that is to choose its backend by itself may have chosen any, so
        then it is all of them. Backends that one process holds at a time need
        no fence. Raises: SessionFenced, if this process is shut out itself;
        DriverError, if the other one may still be at work.
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
                f"Backend {name} is not served by this process, which serves {', '.join(self._drivers)}."
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._drivers

    def __iter__(self) -> Iterator[str]:
        return iter(self._drivers)

    def __len__(self) -> int:
        return len(self._drivers)
