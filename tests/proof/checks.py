"""Checks whether a database started on a snapshot has all that it must have."""

from __future__ import annotations

from tests.proof.database import Database, DatabaseBroken
from tests.proof.load import Mark

_BALANCES = """
SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(bbalance) FROM pgbench_branches),
       (SELECT sum(tbalance) FROM pgbench_tellers), (SELECT coalesce(sum(delta), 0) FROM pgbench_history)
"""


def check_recovered(database: Database, before: Mark, after: Mark) -> int:
    """Start a database on a snapshot, check all of it, and return the number of its rows.

    ``before`` and ``after`` were taken before and after the call that took the snapshot.

    Raises: DatabaseBroken, naming what is wrong.
    """
    database.adopt()
    database.start()
    if "automatic recovery in progress" not in database.log():
        raise DatabaseBroken("it found nothing to recover, so it was not copied while it ran")
    counted = database.query_row("SELECT count(*), min(n), max(n) FROM recorded")
    count, low, high = (0 if value is None else int(str(value)) for value in counted)
    if count == 0:
        raise DatabaseBroken("it has no rows")
    if (low, high) != (1, count):
        raise DatabaseBroken(f"of {high} rows {high - count} are missing")
    if count < before.committed:
        raise DatabaseBroken(f"{before.committed - count} rows are lost that were committed before the call")
    if count > after.begun:
        raise DatabaseBroken(f"{count - after.begun} rows were begun after the call")
    balances = database.query_row(_BALANCES)
    if len(set(balances)) != 1:
        raise DatabaseBroken(f"the balances differ: {balances}")
    database.run("pg_amcheck", "--install-missing", "--heapallindexed", "postgres")
    return count
