"""No image tool guesses a format: what is in a volume is its client's, and may look like any image."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CALL = re.compile(
    r"(qemu-img\W{1,4}(?:info|check|convert|compare|map|measure|rebase|commit)|qemu-io|qemu-nbd)\b"
)
IN_CODE = re.compile(r"[\"']\s*,|\s-{1,2}\w|\sADDRESS|\s/|\snbd")
NAMES = re.compile(r"-f\W{1,4}(?:raw|qcow2)\b|--image-opts|\.image_options\(|\*image\b|--target-is-zero")
REACH = 160
"""Characters of a call in which its format has to be named."""


def texts() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    kinds = (".py", ".md", ".sh", "Makefile")
    return [ROOT / name for name in listed.stdout.splitlines() if name.endswith(kinds)]


def guesses(text: str) -> list[str]:
    """Return the calls of image tools that name no format. A tool that is only spoken of is no call."""
    found = []
    for match in CALL.finditer(text):
        rest = text[match.end() : match.end() + REACH]
        if IN_CODE.match(rest) and not NAMES.search(rest):
            found.append(match.group() + rest.partition("\n")[0])
    return found


def test_every_call_of_an_image_tool_names_the_format() -> None:
    found = {path: guesses(path.read_text()) for path in texts() if path != Path(__file__)}
    assert not {path: calls for path, calls in found.items() if calls}


@pytest.mark.parametrize(
    ("text", "is_guess"),
    [
        ('run("qemu-img", "info", str(path))', True),
        ('run("qemu-img", "info", "-f", "raw", str(path))', False),
        ("qemu-img info -f raw ADDRESS", False),
        ("qemu-img info ADDRESS", True),
        ("qemu-io -c 'read 0 1' nbd://h/v", True),
        ('["qemu-io", "-f", "qcow2", *asked, str(image)]', False),
        ("started with qemu-nbd in front", False),
    ],
)
def test_a_guess_is_known(text: str, is_guess: bool) -> None:
    assert bool(guesses(text)) is is_guess
