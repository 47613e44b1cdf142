"""A file holds one idea and stays under 300 lines; run as a program it names those that do not."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 300
# A migration states a whole schema in one place; cutting it would hide the order.
EXEMPT = ("cgflow/db/migrations/versions/",)


def too_long(root: Path = ROOT) -> list[str]:
    """Return the Python files above the limit, with their lengths."""
    found = []
    for package in ("cgflow", "flows", "api", "tests", "benchmarks"):
        for path in sorted((root / package).rglob("*.py")):
            name = str(path.relative_to(root))
            lines = len(path.read_text().splitlines())
            if lines > LIMIT and not name.startswith(EXEMPT):
                found.append(f"{name}: {lines} lines, at most {LIMIT}")
    return found


if __name__ == "__main__":
    long = too_long()
    print("\n".join(long) or "file sizes: ok")
    sys.exit(1 if long else 0)
