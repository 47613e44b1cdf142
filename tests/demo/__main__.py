"""Run the demo; the last line is ``demo: ok`` with figures, or what failed, with exit code 1."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.demo import scenes
from tests.demo.stage import Stage


def main() -> int:
    """Run every scene in a new directory, and leave nothing behind."""
    began = time.monotonic()
    # A short directory name, because the system limits the length of socket paths.
    root = Path(tempfile.mkdtemp(prefix="cgflow-", dir="/tmp"))
    stage = Stage(root)
    try:
        stage.title("cgflow serve: SQLite, flows and a local qemu-storage-daemon backend in one process")
        stage.say(stage.served.start())
        group_id, volume_ids = scenes.build(stage)
        with stage.writing(volume_ids) as writer:
            scenes.cut_under_load(stage, writer, group_id, volume_ids)
            scenes.fail_before_the_cut(stage, writer, group_id, volume_ids)
            written = writer.progress().issued
        scenes.fail_after_the_cut(stage, group_id, volume_ids)
        with stage.writing(volume_ids, written) as writer:
            scenes.kill(stage, writer, group_id, volume_ids)
        scenes.control(stage)
        used = sum(path.stat().st_blocks * 512 for path in root.rglob("*") if path.is_file())
        scenes.clear(stage, group_id)
    except Exception as error:  # noqa: BLE001 - every failure is reported, with an exit code
        traceback.print_exc()
        print(f"\n{stage.served.log.read_text()[-3000:]}" if stage.served.log.exists() else "")
        print(f"demo: FAILED: {error}")
        return 1
    finally:
        stage.served.end()
        shutil.rmtree(root, ignore_errors=True)
    stage.figures.update(disk=f"{used // 2**20} MiB", seconds=round(time.monotonic() - began))
    print(
        "\ndemo: ok "
        + ", ".join(f"{name.replace('_', ' ')}={value}" for name, value in stage.figures.items())
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
