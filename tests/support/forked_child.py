"""Work in a forked child that is expected to be killed while it runs."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable


def fork_child(work: Callable[[], object]) -> int:
    """Run work in a forked child, and return the child's pid.

    If the work ends or fails, the child exits with status 1. Its traceback is in the output of the test.
    """
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:  # noqa: BLE001 - nothing may return into the code of the parent
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(1)
