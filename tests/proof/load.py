"""The load on the database during snapshots: pgbench, and a recorder of committed rows."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import TracebackType

from tests.proof.database import Database

CLIENTS = 4
SCALE = 1


@dataclass(frozen=True)
class Mark:
    """The recorder's state at one moment: rows that were started, and rows whose commit was acknowledged."""

    begun: int
    committed: int


class Load:
    """pgbench and the recorder, which run within a ``with``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._enough = threading.Event()
        self._news = threading.Condition()
        self._failure: BaseException | None = None
        self._begun = 0
        self._committed = 0
        self._thread = threading.Thread(target=self._record, name="recorder")

    @staticmethod
    def prepare(database: Database) -> None:
        """Create the tables."""
        database.run("pgbench", "-i", "-q", "-s", SCALE, "postgres")
        database.execute(
            "CREATE TABLE recorded (n bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"
        )

    def mark(self) -> Mark:
        """Return the current state. Raises: AssertionError, if the recorder or pgbench has ended."""
        # In this order: otherwise a row might be committed that does not count as started.
        committed = self._committed
        mark = Mark(self._begun, committed)
        if self._failure is not None or self._pgbench.poll() is not None:
            raise AssertionError(
                f"the load has ended: {self._failure or 'pgbench'}\n{self._database.log()[-2000:]}"
            )
        return mark

    def await_rows(self, rows: int) -> Mark:
        """Wait until this many more rows are committed, and return the state then."""
        goal = self._committed + rows
        with self._news:
            self._news.wait_for(lambda: self._committed >= goal, 60)
        mark = self.mark()
        if mark.committed < goal:
            raise AssertionError(f"the recorder has stopped: {mark}")
        return mark

    def __enter__(self) -> Load:
        self._pgbench = self._database.client("pgbench", "-n", "-c", CLIENTS, "-T", 86400, "postgres")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._enough.set()
        self._thread.join(60)
        self._pgbench.terminate()
        self._pgbench.wait()

    def _record(self) -> None:
        try:
            with self._database.connect() as session:
                while not self._enough.is_set():
                    self._begun += 1
                    session.execute("INSERT INTO recorded (n) VALUES (%s)", (self._begun,))
                    with self._news:
                        self._committed = self._begun
                        self._news.notify_all()
        except Exception as error:  # noqa: BLE001 - raised by ``mark``
            self._failure = error
