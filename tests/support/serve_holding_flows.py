"""``cgflow serve`` whose flows can be held after a step's operation is committed and before the step ends.

A flow is held if there is a file ``hold`` in the directory of the environment variable
``CGFLOW_HOLD_IN``. That directory has two named pipes: ``held`` is opened when a flow is held, and
the flow waits for ``goes_on``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from cgflow.cli.main import main
from cgflow.db.database import Database
from cgflow.engine.flow_run import FlowRun

HOLD_IN = "CGFLOW_HOLD_IN"

commit = FlowRun.commit


def commit_and_hold(
    self: FlowRun, database: Database, work: Callable[[Database], None], *, heeds_cancel: bool
) -> None:
    """Commit, and wait if flows are to be held."""
    commit(self, database, work, heeds_cancel=heeds_cancel)
    place = Path(os.environ[HOLD_IN])
    if (place / "hold").exists():
        (place / "hold").unlink()
        (place / "held").write_text(self.flow.id)
        (place / "goes_on").read_text()


if __name__ == "__main__":
    FlowRun.commit = commit_and_hold  # type: ignore[method-assign]
    main()
