"""Merges hidden layers, so that a chain has at most two layers more than the volume has snapshots.

After a restore there may be one more for each branch.

A *middle* merge (top is below the leaf) does not affect clients and may run while they are
connected. If the daemon dies at any point of it, the old chain is still right: top has base as its
backing and covers all that was written there.

An *active* merge (top is the leaf) ends with a pivot, after which base takes the writes. If the
daemon died at a pivot while a client was writing, it would be unknown which of the two layers has
the newest data. So the pivot is done only while no client is connected: the export is withdrawn for
the pivot and restored after the new leaf is recorded. If anything dies in between, both layers have
the same data. The copying before the pivot runs with the volume served, because until the pivot top
has everything. If a client is connected, the hidden layer stays until a later cut puts a new leaf
above (then it is a middle merge), or until a later call finds no client connected.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from cgflow.drivers.qsd.home.home import Home
from cgflow.drivers.qsd.home.problem_log import ProblemKind
from cgflow.drivers.qsd.model import layer_tree
from cgflow.drivers.qsd.model.records import Merge
from cgflow.drivers.qsd.operations import layer_access
from cgflow.drivers.qsd.operations.layer_access import close_unneeded_layers, open_needed_layers
from cgflow.drivers.qsd.qemu.block_jobs import merge_job_id
from cgflow.drivers.qsd.qemu.qmp_client import CommandRefused, EventQueue


def merge_hidden_layers(home: Home, volume_id: str) -> None:
    """Remove and merge all layers of a volume that may be, and return when done. The caller holds the home.

    A merge that fails leaves its layer hidden and is recorded in ``home.problems``; the next call
    retries it.

    Raises: AmbiguousDriverError, OSError.
    """
    running = home.manifest.volumes[volume_id].merging
    if running is not None:
        with home.graph.client.listen() as events:
            _complete_job(home, volume_id, running, events)
    _remove_unneeded_layers(home, volume_id)
    refused: set[Merge] = set()
    while not home.config.stopping.is_set():
        volume = home.manifest.volumes[volume_id]
        if layer_tree.hidden_layers(volume) and (
            layer_access.damaged_layers(home, volume)
            or home.problems.has(ProblemKind.VOLUME_NOT_SERVED, volume_id)
        ):
            # Nothing would gain from a merge: the volume has lost data, or cannot be served until it is
            # repaired.
            break
        shared = home.shared_layers(volume) if layer_tree.hidden_layers(volume) else set()
        allowed = layer_tree.allowed_merges(volume, home.layers_being_cloned, shared)
        merge = next((merge for merge in allowed if merge not in refused), None)
        if merge is None:
            break
        if not _run_merge(home, volume_id, merge):
            refused.add(merge)
    close_unneeded_layers(home, volume_id)
    if not refused:
        home.problems.clear(ProblemKind.MERGE_FAILED, volume_id)


def interrupt(home: Home, volume_id: str) -> None:
    """Stop a merge that an earlier process left running; what it leaves is harmless.

    Raises: AmbiguousDriverError, OSError.
    """
    merge = home.manifest.volumes[volume_id].merging
    if merge is None:
        return
    with home.graph.client.listen() as events:
        # The job may be past cancelling or have ended: its status shows which is true.
        with suppress(CommandRefused):
            home.graph.jobs.send_job_command("job-cancel", merge_job_id(merge))
        home.graph.jobs.wait_for_status(merge_job_id(merge), ("concluded",), events)
    _record_outcome(home, volume_id, merge)


def recover(home: Home, volume_id: str) -> None:
    """Conclude a merge that was in progress when a process died, except a harmless one that is running.

    Raises: AmbiguousDriverError, OSError.
    """
    merge = home.manifest.volumes[volume_id].merging
    if merge is None:
        return
    status = home.graph.jobs.query_jobs().get(merge_job_id(merge), {}).get("status")
    if status in (None, "concluded"):
        _record_outcome(home, volume_id, merge)
    elif merge.active:
        interrupt(home, volume_id)


def _remove_unneeded_layers(home: Home, volume_id: str) -> None:
    """Remove the layers aside that nothing needs."""
    volume = home.manifest.volumes[volume_id]
    left = layer_tree.volume_without_unneeded_layers(volume, home.layers_being_cloned)
    dropped = sorted(volume.aside.keys() - left.aside.keys(), reverse=True)
    if not dropped:
        return
    home.save_manifest(home.manifest.with_volume(left), releasing=True)
    home.trace("drop:after-record")
    opened = home.graph.nodes()
    for layer in dropped:
        if layer in opened:
            home.graph.close_layer(layer)
    home.trace("drop:after-close")
    home.remove_layer_files(*dropped)


def _run_merge(home: Home, volume_id: str, merge: Merge) -> bool:
    graph, volume = home.graph, home.manifest.volumes[volume_id]
    home.refuse_write_to_shared_layer(merge.base)
    if merge.active:
        if not graph.remove_export(volume_id, only_if_idle=True):
            return False
        graph.add_export(volume_id, volume.leaf, writable=True)
    home.save_manifest(home.manifest.with_volume(replace(volume, merging=merge)), releasing=True)
    home.trace("merge:after-intent")
    open_needed_layers(home, volume_id)
    with graph.client.listen() as events:
        try:
            graph.jobs.start_merge(merge, layer_tree.topmost_reader(volume, merge.top))
        except CommandRefused as refusal:
            home.save_manifest(home.manifest.with_volume(volume), releasing=True)
            _record_failure(home, volume_id, refusal.reason)
            return False
        home.trace("merge:after-start")
        return _complete_job(home, volume_id, merge, events)


def _complete_job(home: Home, volume_id: str, merge: Merge, events: EventQueue) -> bool:
    graph = home.graph
    if graph.jobs.wait_for_status(merge_job_id(merge), ("ready", "concluded"), events) == "ready":
        home.trace("merge:after-ready")
        if graph.remove_export(volume_id, only_if_idle=True):
            home.trace("merge:after-detach")
            graph.jobs.send_job_command("job-complete", merge_job_id(merge))
        else:
            graph.jobs.send_job_command("job-cancel", merge_job_id(merge))
        graph.jobs.wait_for_status(merge_job_id(merge), ("concluded",), events)
    home.trace("merge:after-job")
    return _record_outcome(home, volume_id, merge)


def _record_outcome(home: Home, volume_id: str, merge: Merge) -> bool:
    """Record the outcome of a merge whose job is over, then clean up after it."""
    graph, volume = home.graph, home.manifest.volumes[volume_id]
    job = graph.jobs.query_jobs().get(merge_job_id(merge))
    is_done = job is not None and "error" not in job
    if is_done and not merge.active:
        # Flush first: the file of top is about to be removed, so base must hold everything durably.
        graph.discard_cached_nodes()
        graph.flush_layer(merge.base)
        home.trace("merge:after-flush")
    after = layer_tree.volume_after_merge(volume, merge) if is_done else replace(volume, merging=None)
    home.save_manifest(home.manifest.with_volume(after), releasing=True)
    home.trace("merge:after-record")
    if job is not None:
        graph.jobs.send_job_command("job-dismiss", merge_job_id(merge))
    if is_done:
        graph.close_layer(merge.top)
        home.trace("merge:after-close")
    if volume_id not in graph.exports():
        graph.add_export(volume_id, after.leaf, writable=True)
    if is_done:
        home.remove_layer_files(merge.top)
    _record_failure(home, volume_id, "" if job is None else str(job.get("error", "")))
    return is_done


def _record_failure(home: Home, volume_id: str, error: str) -> None:
    home.problems.clear(ProblemKind.MERGE_FAILED, volume_id)
    # A cancelled merge has given way to a client and has not failed.
    if error and "cancel" not in error:
        home.problems.set(
            ProblemKind.MERGE_FAILED,
            f"volume {volume_id}: the layer of a deleted snapshot could not be merged ({error}); "
            "its space is freed when a later delete on this volume merges it",
            volume_id,
        )
