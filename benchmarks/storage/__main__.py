"""Run the storage benchmarks: ``python -m benchmarks.storage [KIND ...] [--only TABLE] [--json FILE]``."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from benchmarks.storage.suite import KINDS, run


def main() -> None:
    """Print the tables, and write their rows to a file if requested."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storage")
    parser.add_argument("kind", nargs="*", help=f"{', '.join(KINDS)}; all unless named")
    parser.add_argument("--only", choices=["cuts", "control", "whole", "neighbours"], help="one table")
    parser.add_argument("--json", type=Path, help="where to write the rows")
    args = parser.parse_args()
    unknown = sorted(set(args.kind) - KINDS.keys())
    if unknown:
        parser.error(f"there is no kind {unknown[0]}: it is one of {', '.join(KINDS)}")
    began = time.monotonic()
    rows = run(args.kind or tuple(KINDS), args.only)
    if args.json is not None:
        args.json.write_text(json.dumps(rows, indent=2))
    print(f"\nmeasured in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
