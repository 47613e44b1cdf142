"""The systemd unit: valid, with a user of its own, and closed to others."""

from __future__ import annotations

import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

from tests.architecture.file_sizes import ROOT
from tests.support.requirements import skip_or_fail

UNIT = ROOT / "etc" / "cgflow.service"


def settings(text: str) -> dict[str, list[str]]:
    """Return the values of every key of the section Service, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif section == "Service" and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[key].append(value)
    return found


def test_the_unit_is_closed_to_others() -> None:
    service = settings(UNIT.read_text())
    assert service["User"] == ["cgflow"]
    assert service["StateDirectory"] == ["cgflow"]
    assert service["StateDirectoryMode"] == ["0700"]
    assert service["UMask"] == ["0077"]
    assert service["NoNewPrivileges"] == ["yes"]
    assert service["ProtectSystem"] == ["strict"]
    assert service["CapabilityBoundingSet"] == [""]
    # The storage daemons outlive the service.
    assert service["KillMode"] == ["process"]


def test_the_unit_is_valid_and_hardened(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        skip_or_fail("systemd-analyze is missing (apt-get install systemd)")
    # The program and the user are not installed here.
    text = UNIT.read_text().replace("/usr/bin/cgflow", "/bin/true")
    text = text.replace("User=cgflow", "User=root").replace("Group=cgflow", "Group=root")
    unit = tmp_path / UNIT.name
    unit.write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    # 0 is unexposed, 100 is exposed. The user counts 4 of them.
    asked = ["systemd-analyze", "security", "--offline=yes", "--threshold=30", unit]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_readme_names_no_predictable_path_under_tmp() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "etc").iterdir()):
        assert "/tmp/" not in page.read_text(), page  # noqa: S108 - that is what is looked for
