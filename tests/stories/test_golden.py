"""Flow definitions are schema: golden files hold the names, order and symbols of their atoms.

A definition that is changed on purpose gets a new version in the catalog; its file is then written
again with ``python -m tests.stories.test_golden``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from flows import draw
from flows.catalog import OPERATIONS
from tests.stories.shapes import SHAPES

GOLDEN = Path(__file__).parent / "golden"


def rendered(operation: str) -> str:
    return f"version {OPERATIONS[operation].version}\n{draw.flow_as_text(operation, SHAPES[operation])}"


def test_every_operation_has_a_shape() -> None:
    assert set(SHAPES) == set(OPERATIONS)


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_the_story_is_the_golden_one(operation: str) -> None:
    """S130."""
    assert rendered(operation) == (GOLDEN / f"{operation}.txt").read_text()


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_the_graph_names_every_atom(operation: str) -> None:
    graph = draw.flow_as_dot(operation, SHAPES[operation])
    told = [line.split(" (")[0].split(":")[0].strip() for line in rendered(operation).splitlines()[1:]]
    flows = [line for line in rendered(operation).splitlines() if line.endswith("order)")]
    atoms = [name for name in told if not any(flow.strip().startswith(f"{name} (in") for flow in flows)]
    assert atoms
    assert all(f'"{name}"' in graph for name in atoms)


if __name__ == "__main__":
    for operation in OPERATIONS:
        (GOLDEN / f"{operation}.txt").write_text(rendered(operation))
