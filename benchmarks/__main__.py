"""Run every benchmark, print its table, and write the figures as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks import engine, history, operations, served
from benchmarks.storage import suite


def main() -> int:
    """Run all benchmarks; the optional argument is the path of the JSON file."""
    results = {
        "engine": engine.run(),
        "operations": operations.run(),
        "served": served.run(),
        "history": history.run(),
        "storage": suite.run(),
    }
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "bench.json")
    path.write_text(json.dumps(results, indent=2))
    print(f"\nfigures written to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
