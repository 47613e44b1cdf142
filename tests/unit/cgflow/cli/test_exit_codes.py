"""Messages and exit codes of commands whose flow did not succeed."""

from __future__ import annotations

import pytest

from cgflow.cli.exit_codes import FlowReverted


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ("volume.create", "volume.create failed and was undone: no answer."),
        ("volume.delete", "volume.delete failed, and what is gone stays so: no answer."),
        ("audit.remove", "audit.remove failed, and what is gone stays so: no answer."),
    ],
)
def test_what_cannot_be_undone_is_not_called_undone(operation: str, words: str) -> None:
    flow = {"id": "f", "operation": operation, "state": "reverted", "reason": "no answer"}
    assert FlowReverted(flow).message.startswith(words)
