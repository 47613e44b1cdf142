"""A flow as text, for people and golden files, and as a graph in the DOT language.

Both mark the point of no return.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from taskflow import atom
from taskflow.flow import Flow
from taskflow.patterns import unordered_flow

from cgflow.engine.parallel_engine import Compiler
from cgflow.engine.task import Commit
from flows.catalog import definition_of

POINT_OF_NO_RETURN = "point of no return"
# Injected by the conductor. All other arguments of a step are symbols.
COLLABORATORS = frozenset({"database", "drivers", "placement", "settings"})


def flow_as_text(operation: str, shape: Mapping[str, object]) -> str:
    """Return a flow as indented lines: each atom with its input and output symbols."""
    return "\n".join(_flow_lines(definition_of(operation).build(**shape), 0)) + "\n"


def flow_as_dot(operation: str, shape: Mapping[str, object]) -> str:
    """Return the graph of a flow in the DOT language: its atoms and their order."""
    graph = Compiler(definition_of(operation).build(**shape)).compile().execution_graph
    atoms = [node for node in graph.nodes if isinstance(node, atom.Atom)]
    lines = [f'digraph "{operation}" {{', "  rankdir=LR;", "  node [shape=box];"]
    lines += [f"  {_quote_for_dot(node.name)}{_dot_attributes(node)};" for node in atoms]
    lines += [
        f"  {_quote_for_dot(node.name)} -> {_quote_for_dot(after.name)};"
        for node in atoms
        for after in _next_atoms(graph, node)
    ]
    return "\n".join([*lines, "}"]) + "\n"


def _next_atoms(graph: object, node: object) -> Iterator[atom.Atom]:
    """Yield the atoms that follow, skipping the nodes that mark the beginning and end of sub-flows."""
    for after in graph.successors(node):  # type: ignore[attr-defined]
        if isinstance(after, atom.Atom):
            yield after
        else:
            yield from _next_atoms(graph, after)


def _flow_lines(flow: Flow, depth: int) -> Iterator[str]:
    indent = "  " * depth
    order = "in no order" if isinstance(flow, unordered_flow.Flow) else "in order"
    yield f"{indent}{flow.name} ({order})"
    if flow.retry is not None:
        yield f"{indent}  {flow.retry.name}: up to {flow.retry._attempts} attempts"  # noqa: SLF001
    for child in flow:
        if isinstance(child, Flow):
            yield from _flow_lines(child, depth + 1)
        else:
            mark = f"  <- {POINT_OF_NO_RETURN}" if isinstance(child, Commit) else ""
            yield f"{indent}  {child.name}{_symbols_as_text(child)}{mark}"


def _symbols_as_text(step: atom.Atom) -> str:
    injected = set(step.inject or ())
    needed = sorted({*step.rebind.values(), *step.revert_rebind.values()} - COLLABORATORS - injected)
    made = f" -> {', '.join(sorted(step.provides))}" if step.provides else ""
    return f" ({', '.join(needed)}){made}"


def _dot_attributes(step: atom.Atom) -> str:
    return f' [peripheries=2, tooltip="{POINT_OF_NO_RETURN}"]' if isinstance(step, Commit) else ""


def _quote_for_dot(name: str) -> str:
    return '"' + name.replace('"', r"\"") + '"'
