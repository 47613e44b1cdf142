"""``cgflow``, whose flows can be held where their operation is committed and the step has not ended.

It is when there is a file ``hold`` in the directory that the environment names as
``CGFLOW_HOLD_IN``. Beside it are two named pipes: ``held`` is opened once a flow
stands there, and ``goes_on`` is waited for.
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


def held(self: FlowRun, database: Database, work: Callable[[Database], None], *, heeds_cancel: bool) -> None:
    """Make the commit, and wait where a flow is to be held."""
    commit(self, database, work, heeds_cancel=heeds_cancel)
    place = Path(os.environ[HOLD_IN])
    if (place / "hold").exists():
        (place / "hold").unlink()
        (place / "held").write_text(self.flow.id)
        (place / "goes_on").read_text()


if __name__ == "__main__":
    FlowRun.commit = held  # type: ignore[method-assign]
    main()
