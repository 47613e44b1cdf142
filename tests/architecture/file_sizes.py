"""A file holds one idea. Run as a program, this names the files that are long enough to hold two."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WARN_AT = 500
# A migration states a whole schema in one place; cutting it would hide the order.
EXEMPT = ("cgflow/db/migrations/versions/",)


def too_long(root: Path = ROOT) -> list[str]:
    """Return the Python files with more than ``WARN_AT`` lines, with their lengths."""
    found = []
    for package in ("cgflow", "flows", "api", "tests", "benchmarks"):
        for path in sorted((root / package).rglob("*.py")):
            name = str(path.relative_to(root))
            lines = len(path.read_text().splitlines())
            if lines > WARN_AT and not name.startswith(EXEMPT):
                found.append(f"{name}: {lines} lines")
    return found


if __name__ == "__main__":
    print(
        "\n".join(f"note: long file, consider splitting: {name}" for name in too_long()) or "file sizes: ok"
    )
