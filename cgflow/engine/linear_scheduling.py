"""TaskFlow's parallel engine, in which a step costs the same however many there are.

As shipped, each step that ends has the engine look at every step after it, and
for each of those at every step before it; each wait asks every step that is out;
each step is searched for in the whole tree of the flow, and for each the graph
that is built so far is copied. With N members in two sub-flows that is N times N,
and a thousand members do not end within a minute.

Here a step that ends has only its neighbours looked at. That suffices: whoever
stands right before has ended only because all before it had. What is undone next
is TaskFlow's choice as it is: with retries inside retries the same does not hold
backwards. Nothing else is changed: the states, what may follow
on what, and the order of saves are TaskFlow's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager
from queue import Empty, SimpleQueue
from typing import Any

from taskflow import states, task
from taskflow.engines.action_engine import builder, compiler, deciders, engine, runtime, scheduler, selector
from taskflow.flow import LINK_INVARIANT
from taskflow.patterns import unordered_flow
from taskflow.types import graph, tree
from taskflow.utils import misc

Atom = Any
"""A step or a retry of TaskFlow's, which ships no types."""

_DONE = (states.SUCCESS, states.IGNORE)
_TO_EXECUTE = (states.EXECUTE,)
_GOING_FORWARD = (states.EXECUTE, states.IGNORE)


class ParallelEngine(engine.ParallelActionEngine):  # type: ignore[misc]  # TaskFlow ships no types
    """The engine of every flow. Its option ``round`` makes the context in which each round is given out."""

    def compile(self) -> None:
        """Build the graph, and what runs it."""
        with self._lock:
            if self.compilation is not None:
                return
            self._compilation = self._check_compilation(Compiler(self._flow).compile())
            self._runtime = _Runtime(
                compiler.Compilation(
                    self._compilation.execution_graph, _AtomIndex(self._compilation.hierarchy)
                ),
                self.storage,
                self.atom_notifier,
                self._task_executor,
                self._retry_executor,
                options=self._options,
            )
            self._runtime.compile()
            self._compiled = True


class _Runtime(runtime.Runtime):  # type: ignore[misc]
    """TaskFlow's runtime with another way of choosing what is next, and of waiting."""

    @misc.cachedproperty  # type: ignore[untyped-decorator]
    def selector(self) -> NeighbourSelector:
        """What chooses the next atoms."""
        return NeighbourSelector(self)

    @misc.cachedproperty  # type: ignore[untyped-decorator]
    def scheduler(self) -> _BatchScheduler:
        """What gives out the next atoms."""
        return _BatchScheduler(self, self._options["round"])

    @misc.cachedproperty  # type: ignore[untyped-decorator]
    def builder(self) -> Any:
        """What builds the machine that drives the run."""
        return builder.MachineBuilder(self, FutureWaiter())


class _BatchScheduler(scheduler.Scheduler):  # type: ignore[misc]
    """Gives out the next atoms as one round, so that what tells of their beginning can go into one commit."""

    def __init__(self, runtime: _Runtime, batch: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__(runtime)
        self._giving_out = batch

    def schedule(self, atoms: Iterable[Atom]) -> Any:
        """Give out atoms; see TaskFlow's own."""
        with self._giving_out():
            return super().schedule(atoms)


class Compiler(compiler.PatternCompiler):  # type: ignore[misc]
    """TaskFlow's compiler, which for a flow of N members would copy the graph it has so far N times."""

    def __init__(self, root: Any) -> None:
        super().__init__(root)
        self._matchers.insert(0, (unordered_flow.Flow, _MembersCompiler(self._compile)))


class _MembersCompiler(compiler.FlowCompiler):  # type: ignore[misc]
    """Compiles the one shape that is as large as a group: single steps in no order."""

    def compile(self, flow: Any, parent: Any = None) -> tuple[Any, Any]:
        """Return the very graph and tree that TaskFlow makes of the flow."""
        steps = list(flow)
        if flow.retry is not None or not steps or not all(isinstance(step, task.Task) for step in steps):
            return super().compile(flow, parent)  # type: ignore[no-any-return]
        place = tree.Node(flow, kind=compiler.FLOW, noop=True)
        if parent is not None:
            parent.add(place)
        whole = graph.DiGraph(name=flow.name)
        end = compiler.Terminator(flow)
        whole.add_node(flow, kind=compiler.FLOW, noop=True)
        for step in steps:
            self._deep_compiler_func(step, parent=place)
            whole.add_node(step, kind=compiler.TASK)
            whole.add_edge(flow, step, **{LINK_INVARIANT: True})
        whole.add_node(end, kind=compiler.FLOW_END, noop=True)
        for step in steps:
            whole.add_edge(step, end, **{LINK_INVARIANT: True})
        return whole, place


class _AtomIndex:
    """Where each atom stands in the tree of a flow, without a search: all that is asked of the tree."""

    def __init__(self, hierarchy: Any) -> None:
        self._nodes = {node.item: node for node in hierarchy.dfs_iter(include_self=True)}

    def find(self, atom: Atom) -> Any:
        """Return the node of an atom, or None."""
        return self._nodes.get(atom)


class FutureWaiter:
    """Waits for any of some futures. Each of them reports once, instead of all being asked each time."""

    def __init__(self) -> None:
        self._reports: SimpleQueue[Future[Any]] = SimpleQueue()
        self._watched: set[Future[Any]] = set()

    def __call__(
        self, futures: set[Future[Any]], timeout: float | None = None
    ) -> tuple[set[Future[Any]], set[Future[Any]]]:
        """Return those that are done, at least one unless the time ran out, and those that are not."""
        for future in futures - self._watched:
            self._watched.add(future)
            future.add_done_callback(self._reports.put)
        done = set(self._reported(timeout))
        self._watched -= done
        return done & futures, futures - done

    def _reported(self, timeout: float | None) -> Iterator[Future[Any]]:
        try:
            yield self._reports.get(timeout=timeout)
            while True:
                yield self._reports.get_nowait()
        except Empty:
            return


class NeighbourSelector(selector.Selector):  # type: ignore[misc]
    """Chooses what is executed next from what stands right after an atom that ended.

    Between atoms stand the marks at which sub-flows begin and end. Such a mark
    is passed when everything right before it is. It remembers which one was not,
    to be asked first the next time; so a thousand members that end one by one do
    not each have the others asked.
    """

    def __init__(self, runtime: _Runtime) -> None:
        super().__init__(runtime)
        nodes = self._execution_graph.nodes(data=True)
        self._is_mark = {node: bool(data.get("noop")) for node, data in nodes}
        self._waited_for: dict[object, object] = {}

    def _browse_atoms_for_execute(self, atom: Atom | None = None) -> Iterator[tuple[Atom, Any]]:
        """Yield what may be executed now: after one atom, or anywhere."""
        for found in self._all() if atom is None else self._beyond(atom):
            if self._may_become(found, states.RUNNING, _TO_EXECUTE) and self._is_open(found):
                yield found, deciders.IgnoreDecider(found, self._runtime.fetch_edge_deciders(found))

    def _all(self) -> Iterator[Atom]:
        found: Iterator[Atom] = self._runtime.iterate_nodes(compiler.ATOMS)
        return found

    def _may_become(self, atom: Atom, state: str, intentions: Iterable[str]) -> bool:
        now = self._storage.get_atom_state(atom.name)
        if not self._runtime.check_atom_transition(atom, now, state):
            return False
        return self._storage.get_atom_intention(atom.name) in intentions

    def _beyond(self, atom: Atom) -> Iterator[Atom]:
        """Yield the atoms right after one, beyond marks that are passed and atoms left out."""
        waiting = list(self._execution_graph.successors(atom))
        seen = set(waiting)
        while waiting:
            node = waiting.pop()
            if self._is_mark[node]:
                goes_on = self._is_open(node)
            else:
                yield node
                goes_on = self._storage.get_atom_state(node.name) == states.IGNORE
            if goes_on:
                fresh = [other for other in self._execution_graph.successors(node) if other not in seen]
                seen.update(fresh)
                waiting.extend(fresh)

    def _is_open(self, node: object) -> bool:
        """Whether all has ended that stands before a node."""
        waited_for = self._waited_for.get(node)
        if waited_for is not None and not self._is_passed(waited_for):
            return False
        for other in self._execution_graph.predecessors(node):
            if not self._is_passed(other):
                self._waited_for[node] = other
                return False
        return True

    def _is_passed(self, node: Any) -> bool:
        if self._is_mark[node]:
            return self._is_open(node)
        state, intention = self._storage.get_atoms_states([node.name])[node.name]
        return state in _DONE and intention in _GOING_FORWARD
