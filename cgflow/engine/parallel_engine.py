"""TaskFlow's parallel engine, with a cost per step that does not grow with the number of steps.

In TaskFlow's own engine, each finished step causes a look at every step after it, and for each of
those at every step before it. Each wait polls every running step. Each step is searched for in the
whole tree of the flow, and the graph built so far is copied for each. With N members in two
sub-flows this is quadratic: a flow with a thousand members takes more than a minute.

Here a finished step causes only a look at the nodes next to it. This suffices: a node's direct
predecessors have finished only after all of their own. The choice of what to revert next is
TaskFlow's own, because with nested retries the same does not hold in reverse. The states, the
allowed transitions and the order of saves are TaskFlow's as well.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager
from queue import Empty, SimpleQueue
from typing import Any

from taskflow import states, storage, task
from taskflow.engines.action_engine import builder, compiler, deciders, engine, runtime, scheduler, selector
from taskflow.flow import LINK_INVARIANT
from taskflow.patterns import unordered_flow
from taskflow.types import graph, tree
from taskflow.utils import misc

Atom = Any
"""A step or a retry of TaskFlow, which ships no types."""

_DONE = (states.SUCCESS, states.IGNORE)
_TO_EXECUTE = (states.EXECUTE,)
_GOING_FORWARD = (states.EXECUTE, states.IGNORE)


class ParallelEngine(engine.ParallelActionEngine):  # type: ignore[misc]  # TaskFlow ships no types
    """The engine of every flow.

    Its option ``round`` makes the context manager in which each round is scheduled.
    """

    @misc.cachedproperty  # type: ignore[untyped-decorator]
    def storage(self) -> _Storage:
        """The states, results and inputs of the flow's atoms."""

        def scopes_of(atom_name: str) -> Any:
            return self._runtime.fetch_scopes_for(atom_name) if self._compiled else None

        return _Storage(self._flow_detail, backend=self._backend, scope_fetcher=scopes_of)

    def compile(self) -> None:
        """Build the graph and the runtime."""
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


class _Storage(storage.Storage):  # type: ignore[misc]
    """TaskFlow's storage, without what a queued save does not need.

    A save only joins the writer's queue, so retrying it is pointless. Its methods are short and are called
    from the engine's thread, apart from a suspension, so one plain lock replaces the reader-writer lock.
    """

    _save_flow_detail = storage.Storage._save_flow_detail.__wrapped__  # noqa: SLF001 - no public way
    _save_atom_detail = storage.Storage._save_atom_detail.__wrapped__  # noqa: SLF001

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lock = _RLockAdapter()


class _RLockAdapter:
    """A re-entrant lock with the methods of a reader-writer lock."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def read_lock(self) -> AbstractContextManager[Any]:
        """Return the lock."""
        return self._lock

    write_lock = read_lock


class _Runtime(runtime.Runtime):  # type: ignore[misc]
    """TaskFlow's runtime with another selector, scheduler and waiter."""

    @misc.cachedproperty  # type: ignore[untyped-decorator]
    def selector(self) -> SuccessorSelector:
        """The selector of the next atoms."""
        return SuccessorSelector(self)

    @misc.cachedproperty  # type: ignore[untyped-decorator]
    def scheduler(self) -> _BatchScheduler:
        """The scheduler of the next atoms."""
        return _BatchScheduler(self, self._options["round"])

    @misc.cachedproperty  # type: ignore[untyped-decorator]
    def builder(self) -> Any:
        """The builder of the state machine that drives the run."""
        return builder.MachineBuilder(self, FutureWaiter())


class _BatchScheduler(scheduler.Scheduler):  # type: ignore[misc]
    """Schedules the next atoms as one round, so that one commit can hold the events of their start."""

    def __init__(self, runtime: _Runtime, batch: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__(runtime)
        self._batch = batch

    def schedule(self, atoms: Iterable[Atom]) -> Any:
        """Schedule atoms, as TaskFlow's method does."""
        with self._batch():
            return super().schedule(atoms)


class Compiler(compiler.PatternCompiler):  # type: ignore[misc]
    """TaskFlow's compiler without its N copies of the graph for a flow of N members."""

    def __init__(self, root: Any) -> None:
        super().__init__(root)
        self._matchers.insert(0, (unordered_flow.Flow, _UnorderedFlowCompiler(self._compile)))


class _UnorderedFlowCompiler(compiler.FlowCompiler):  # type: ignore[misc]
    """Compiles the one shape that grows with a group: an unordered flow of single steps."""

    def compile(self, flow: Any, parent: Any = None) -> tuple[Any, Any]:
        """Return the same graph and tree that TaskFlow makes of the flow."""
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
    """The node of each atom in the tree of a flow, found without a search.

    It replaces the tree, of which the runtime uses this method only.
    """

    def __init__(self, hierarchy: Any) -> None:
        self._nodes = {node.item: node for node in hierarchy.dfs_iter(include_self=True)}

    def find(self, atom: Atom) -> Any:
        """Return the node of an atom, or None."""
        return self._nodes.get(atom)


class FutureWaiter:
    """Waits for any of several futures. Each reports its end once, instead of being polled at each wait."""

    def __init__(self) -> None:
        self._reports: SimpleQueue[Future[Any]] = SimpleQueue()
        self._watched: set[Future[Any]] = set()

    def __call__(
        self, futures: set[Future[Any]], timeout: float | None = None
    ) -> tuple[set[Future[Any]], set[Future[Any]]]:
        """Return the done futures and the others; at least one is done unless the time ran out."""
        for future in futures - self._watched:
            self._watched.add(future)
            future.add_done_callback(self._reports.put)
        done = set(self._take_done_futures(timeout))
        self._watched -= done
        return done & futures, futures - done

    def _take_done_futures(self, timeout: float | None) -> Iterator[Future[Any]]:
        try:
            yield self._reports.get(timeout=timeout)
            while True:
                yield self._reports.get_nowait()
        except Empty:
            return


class SuccessorSelector(selector.Selector):  # type: ignore[misc]
    """Selects what to execute next among the successors of a finished atom.

    Between atoms are marker nodes at which sub-flows begin and end. A marker is passed when all its
    direct predecessors are. The selector remembers the predecessor that was not, and checks it
    first the next time; so a thousand members that finish one by one do not each cause a check of
    all the others.
    """

    def __init__(self, runtime: _Runtime) -> None:
        super().__init__(runtime)
        nodes = self._execution_graph.nodes(data=True)
        self._is_mark = {node: bool(data.get("noop")) for node, data in nodes}
        self._waited_for: dict[object, object] = {}

    def _browse_atoms_for_execute(self, atom: Atom | None = None) -> Iterator[tuple[Atom, Any]]:
        """Yield what may be executed now: after one atom, or anywhere."""
        for found in self._iterate_all_atoms() if atom is None else self._following_atoms(atom):
            if self._can_transition(found, states.RUNNING, _TO_EXECUTE) and self._are_predecessors_passed(
                found
            ):
                yield found, deciders.IgnoreDecider(found, self._runtime.fetch_edge_deciders(found))

    def _iterate_all_atoms(self) -> Iterator[Atom]:
        found: Iterator[Atom] = self._runtime.iterate_nodes(compiler.ATOMS)
        return found

    def _can_transition(self, atom: Atom, state: str, intentions: Iterable[str]) -> bool:
        now = self._storage.get_atom_state(atom.name)
        if not self._runtime.check_atom_transition(atom, now, state):
            return False
        return self._storage.get_atom_intention(atom.name) in intentions

    def _following_atoms(self, atom: Atom) -> Iterator[Atom]:
        """Yield the atoms right after one, looking through passed markers and ignored atoms."""
        waiting = list(self._execution_graph.successors(atom))
        seen = set(waiting)
        while waiting:
            node = waiting.pop()
            if self._is_mark[node]:
                goes_on = self._are_predecessors_passed(node)
            else:
                yield node
                goes_on = self._storage.get_atom_state(node.name) == states.IGNORE
            if goes_on:
                fresh = [other for other in self._execution_graph.successors(node) if other not in seen]
                seen.update(fresh)
                waiting.extend(fresh)

    def _are_predecessors_passed(self, node: object) -> bool:
        """Whether everything before a node has finished."""
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
            return self._are_predecessors_passed(node)
        state, intention = self._storage.get_atoms_states([node.name])[node.name]
        return state in _DONE and intention in _GOING_FORWARD
