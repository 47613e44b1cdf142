"""The table of finding kinds in docs/audit.md matches the code.

After a change of the kinds, ``python -m tests.audit.test_docs`` writes the table again.
"""

from __future__ import annotations

import re

from cgflow.audit.findings import KINDS, FindingKind, RepairMethod
from tests.architecture.file_sizes import ROOT

DOCUMENT = ROOT / "docs" / "audit.md"
_HOW = {
    RepairMethod.RECORDS: "records",
    RepairMethod.REMOVAL: "flow `audit.remove`",
    RepairMethod.CONFORMING: "flow `audit.conform`",
    RepairMethod.RESUMING: "its own flow",
    RepairMethod.BY_HAND: "by hand",
}


def table() -> str:
    """Render the finding kinds."""
    rows = ["| Code | What it means | What the repair does | How | Safe |", "|---|---|---|---|---|"]
    rows += [
        f"| `{kind.code}` | {kind.means} | {kind.repair} | {_HOW[kind.repair_method]} | {_safe(kind)} |"
        for kind in KINDS.values()
    ]
    return "\n".join(["<!-- kinds -->", "", *rows])


def _safe(kind: FindingKind) -> str:
    if not kind.is_repairable:
        return "–"
    return "yes" if kind.is_safe else "no"


def written() -> str:
    return re.sub(r"<!-- kinds -->\n*(\|[^\n]*\n)*\n*", lambda _: table() + "\n\n", DOCUMENT.read_text())


def test_the_table_is_current() -> None:
    assert DOCUMENT.read_text() == written()


if __name__ == "__main__":
    DOCUMENT.write_text(written())
