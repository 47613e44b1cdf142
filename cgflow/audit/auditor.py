"""The reads of an audit, in order, and what may be concluded from them.

The audit reads the database, the backends, the database and the backends again. Operations continue
meanwhile, and nothing is waited for. The conclusions follow from the order alone.

* A record that no flow held at either read of the database, and whose last flow is the same at
  both, did not change in between: a flow that claims and releases a record leaves its id there. So
  the backend's answer in between must have the object, with the same size and in the same group.
* An object that was in both answers of the backend existed at the read of the database between
  them: ids are used once, and a deleted object never returns. At any time, every object on a
  backend has a record, or an open flow has its id. An object that has neither is an orphan.
* Records are compared with each other within one read, which is one transaction that sees one
  state.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from cgflow import clock
from cgflow.audit import backend_checks, backend_snapshot, database_checks, database_snapshot, flow_checks
from cgflow.audit.backend_snapshot import BackendSnapshot
from cgflow.audit.database_snapshot import DatabaseSnapshot
from cgflow.audit.findings import Finding
from cgflow.config import Settings
from cgflow.db.database import Database
from cgflow.drivers.contract import StorageDriver
from cgflow.errors import FinalDriverError


@dataclass(frozen=True)
class BackendCoverage:
    """A backend, and whether it was compared; ``reason`` says why not, or why only in part."""

    name: str
    is_compared: bool
    reason: str | None = None


@dataclass(frozen=True)
class Report:
    """The findings of an audit, and the backends that it covered."""

    at: datetime
    findings: tuple[Finding, ...]
    backends: tuple[BackendCoverage, ...]


@dataclass(frozen=True)
class Auditor:
    """Audits what one process can reach. See ``flow_checks`` for the last three fields."""

    database: Database
    settings: Settings
    drivers: Mapping[str, StorageDriver]
    version_of: flow_checks.VersionLookup = flow_checks.reject_every_operation
    conductor: str = ""
    active_flow_ids: flow_checks.ActiveFlows = frozenset

    def audit(self, host: str | None = None) -> Report:
        """Return all findings, or only those of one backend and what is on it."""
        at = clock.now()
        hosts = [name for name in sorted(self.drivers) if host in (None, name)]
        before, answers, after, confirmed, active_flow_ids = self._read_twice(hosts)
        findings = [*_find_unknown_backends(after, self.drivers)]
        for name in hosts:
            findings += backend_checks.compare_with_backend(
                backend_checks.Observations(name, before, answers[name], after, confirmed[name])
            )
        findings += database_checks.find_contradictions(
            after, no_snapshot_gb_quota=self.settings.no_snapshot_gb_quota
        )
        findings += flow_checks.find_stuck_flows(
            before,
            after,
            version_of=self.version_of,
            conductor=self.conductor,
            active_flow_ids=active_flow_ids,
            now=at,
            long_s=self.settings.service_down_s,
        )
        selected = [one for one in findings if host in (None, one.host)]
        return Report(at, tuple(selected), tuple(_describe_coverage(after, confirmed, host)))

    def finding_still_exists(self, host: str, finding_id: str, flow_id: str) -> bool:
        """Return whether a finding about a backend still holds, ignoring the claims of its repair flow.

        Raises: FinalDriverError, if the backend does not return its inventory.
        """
        return any(
            one.id == finding_id
            for one in backend_checks.compare_with_backend(self._read_observations(host, flow_id))
        )

    def find_orphans(self, host: str) -> list[Finding]:
        """Return the objects on one backend of this process that no record and no open flow knows.

        Raises: FinalDriverError, if the backend does not return its inventory.
        """
        return list(backend_checks.find_orphans(self._read_observations(host)))

    def _read_observations(self, host: str, repair_flow_id: str | None = None) -> backend_checks.Observations:
        before, answers, after, confirmed, _ = self._read_twice([host])
        if confirmed[host].refusal is not None:
            raise FinalDriverError(f"Backend {host} did not report its inventory: {confirmed[host].refusal}")
        return backend_checks.Observations(
            host, before, answers[host], after, confirmed[host], repair_flow_id=repair_flow_id
        )

    def _read_twice(
        self, hosts: list[str]
    ) -> tuple[
        DatabaseSnapshot,
        dict[str, BackendSnapshot],
        DatabaseSnapshot,
        dict[str, BackendSnapshot],
        frozenset[str],
    ]:
        before = self._read_database()
        answers = self._read_backends(hosts)
        active_flow_ids = self.active_flow_ids()
        after = self._read_database()
        again = self._read_backends(hosts)
        confirmed = {name: backend_snapshot.intersect(answers[name], again[name]) for name in hosts}
        return before, answers, after, confirmed, active_flow_ids

    def _read_database(self) -> DatabaseSnapshot:
        with self.database.read() as session:
            if not self.database.is_sqlite:
                # By default each statement would see a state of its own.
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            return database_snapshot.read_database(session)

    def _read_backends(self, hosts: list[str]) -> dict[str, BackendSnapshot]:
        if not hosts:
            return {}
        with ThreadPoolExecutor(min(8, len(hosts)), thread_name_prefix="audit") as pool:
            snapshots = pool.map(lambda name: backend_snapshot.read_backend(self.drivers[name]), hosts)
            return dict(zip(hosts, snapshots, strict=True))


def _find_unknown_backends(after: DatabaseSnapshot, drivers: Mapping[str, StorageDriver]) -> list[Finding]:
    named = {row.host for row in after.resources.values() if row.host is not None}
    return [
        Finding(
            code="backend.unknown",
            subject=name,
            message=f"Records are on backend {name}, which no service has ever reported.",
            noun="backend",
            host=name,
        )
        for name in sorted(named - after.backends - set(drivers))
    ]


def _describe_coverage(
    after: DatabaseSnapshot, confirmed: Mapping[str, BackendSnapshot], host: str | None
) -> list[BackendCoverage]:
    coverage = []
    for name in sorted(after.backends | confirmed.keys()):
        if host not in (None, name):
            continue
        snapshot = confirmed.get(name)
        if snapshot is None:
            coverage.append(BackendCoverage(name, False, "Another process serves it: audit there."))
        elif snapshot.refusal is not None:
            coverage.append(BackendCoverage(name, False, snapshot.refusal))
        elif not snapshot.is_complete:
            coverage.append(
                BackendCoverage(name, True, "It reports problems, so nothing on it is reported as missing.")
            )
        elif not snapshot.is_detailed:
            coverage.append(
                BackendCoverage(
                    name, True, "It does not report sizes and groups, so these were not compared."
                )
            )
        else:
            coverage.append(BackendCoverage(name, True))
    return coverage
