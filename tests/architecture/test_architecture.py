"""The shape of the code is a test: sizes, one noun one name, samples that are current."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from flows.catalog import OPERATIONS
from tests.architecture.file_sizes import ROOT, WARN_AT, too_long


def test_long_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "long.py").write_text("\n" * (WARN_AT + 1))
    assert too_long(tmp_path) == [f"flows/long.py: {WARN_AT + 1} lines"]


def test_every_operation_has_its_flow_under_its_name() -> None:
    for operation, definition in OPERATIONS.items():
        noun, verb = operation.split(".")
        build = definition.build
        assert (build.__module__, build.__name__) == (f"flows.{noun}.flows", verb), operation


def test_every_noun_has_its_file_in_every_layer() -> None:
    for noun in ("consistencygroup", "volume", "cgsnapshot", "snapshot", "attachment", "flow"):
        for layer in ("cgflow/db/repositories", "api/resources", "api/schemas"):
            assert (ROOT / layer / f"{noun}.py").exists(), f"{layer}/{noun}.py"


def test_the_sample_configuration_is_current(tmp_path: Path) -> None:
    compare("oslo-config-generator", "cgflow.conf.sample", tmp_path / "made")


def test_the_sample_policy_is_current(tmp_path: Path) -> None:
    compare("oslopolicy-sample-generator", "policy.yaml.sample", tmp_path / "made")


def compare(program: str, sample: str, made: Path) -> None:
    command = [Path(sys.executable).with_name(program), "--namespace", "cgflow", "--output-file", made]
    subprocess.run(command, check=True, capture_output=True)
    assert made.read_text() == (ROOT / "etc" / sample).read_text(), (
        f"write it anew: {program} --namespace cgflow --output-file etc/{sample}"
    )
