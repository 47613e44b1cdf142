"""Run the proof; the last line is ``prove-postgres: ok`` with figures, or what failed."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.demo.stage import Stage
from tests.proof import scenes
from tests.support import disks


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every scene, and leave nothing behind. Returns 1 for a failure, 2 if a requirement is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("--cgsnapshots", type=int, default=10, metavar="N", help="how many are taken (10)")
    parser.add_argument("--controls", type=int, default=3, metavar="N", help="how many controls are made (3)")
    options = parser.parse_args(arguments)
    reason = disks.missing_requirement()
    if reason is not None:
        print(f"prove-postgres: cannot run here: {reason}")
        return 2
    began = time.monotonic()
    # A short directory name, because the system limits the length of socket paths.
    root = Path(tempfile.mkdtemp(prefix="cgproof-", dir="/tmp"))
    root.chmod(0o755)
    stage = Stage(root)
    try:
        stage.say(stage.served.start())
        scenes.prove(stage, root, options.cgsnapshots, options.controls)
    except Exception as error:  # noqa: BLE001 - every failure is reported, with an exit code
        traceback.print_exc()
        print(f"\n{stage.served.log.read_text()[-3000:]}" if stage.served.log.exists() else "")
        print(f"prove-postgres: FAILED: {error}")
        return 1
    finally:
        stage.served.end()
        shutil.rmtree(root, ignore_errors=True)
    stage.figures.update(seconds=round(time.monotonic() - began))
    print(
        "\nprove-postgres: ok "
        + ", ".join(f"{name.replace('_', ' ')}={value}" for name, value in stage.figures.items())
    )
    return 0


def _stop(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(main())
