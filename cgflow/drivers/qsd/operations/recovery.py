"""Recovery of a home after a crash of this process, of the daemon, or of both.

If the *daemon is dead*, the manifest alone decides, and prepared overlays whose cut may have
happened are rolled forward (``layer_tree.manifest_after_daemon_death``). If the *daemon is alive*, it
is queried for the outcome of each intent in the manifest. Then the daemon is made to hold exactly the
layers and exports that the manifest names, and files that the manifest does not name are removed.

Every operation on a home goes through ``lock_and_recover``, which does this first. An operation that ends
without knowing its effect marks the home for recovery; the home is then recovered in the background
or by the next operation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from cgflow.drivers.contract.cut_evidence import build_evidence
from cgflow.drivers.qsd.home import manifest_file
from cgflow.drivers.qsd.home.home import Home, error_message
from cgflow.drivers.qsd.home.manifest_file import ManifestUnreadable
from cgflow.drivers.qsd.home.problem_log import ProblemKind
from cgflow.drivers.qsd.model import layer_tree
from cgflow.drivers.qsd.model.records import Cut, Manifest, VolumeRecord
from cgflow.drivers.qsd.operations import flatten, host_files, layer_access, merge, stray_cleanup
from cgflow.drivers.qsd.operations.layer_access import missing_layers_to_open
from cgflow.drivers.qsd.qemu import qcow2
from cgflow.drivers.qsd.qemu.block_graph import BlockGraph, LayerToOpen
from cgflow.drivers.qsd.qemu.block_jobs import merge_job_id
from cgflow.drivers.qsd.qemu.daemon_process import DaemonHung
from cgflow.drivers.qsd.qemu.qmp_client import DaemonLost
from cgflow.errors import AmbiguousDriverError, BusyDriverError, FinalDriverError

RECOVERED = "qemu-storage-daemon transaction, found done after a crash"


@contextmanager
def lock_and_recover(home: Home) -> Iterator[BlockGraph]:
    """Hold a home for one operation, served and recovered.

    Raises: BusyDriverError, if it cannot be served now; FinalDriverError, if the daemon contradicts the
    manifest; AmbiguousDriverError from within, also for a failed write.
    """
    # Check before taking the lock, whose holder may be waiting for the daemon's answer.
    home.refuse_while_daemon_silent()
    with home.lock:
        home.refuse_while_daemon_silent()
        ensure_served(home)
        try:
            yield home.graph
        except (FinalDriverError, BusyDriverError):
            raise
        except OSError as error:
            home.mark_recovery_needed()
            raise AmbiguousDriverError(f"{home.folder}: {error_message(error)}") from error
        except BaseException:
            home.mark_recovery_needed()
            raise


@contextmanager
def lock_and_recover_both(source: Home, target: Home) -> Iterator[tuple[BlockGraph, BlockGraph]]:
    """Hold two homes, locked in the order of their ids, so that two callers cannot deadlock.

    Raises: as ``lock_and_recover``.
    """
    if source.id < target.id:
        with lock_and_recover(source) as here, lock_and_recover(target) as there:
            yield here, there
    else:
        with lock_and_recover(target) as there, lock_and_recover(source) as here:
            yield here, there


def ensure_served(home: Home) -> None:
    """Make sure that a home is served and recovered. The caller holds its lock. Raises: DriverError."""
    if home.is_removed:
        raise FinalDriverError(f"{home.id} was removed")
    if home.config.stopping.is_set():
        raise BusyDriverError("the qsd driver has been stopped")
    if home.is_served and not home.needs_recovery:
        return
    try:
        try:
            _recover(home)
        except DaemonLost:
            if home.config.stopping.is_set():
                raise
            # The daemon died during this; the second attempt finds it dead.
            _recover(home)
    except ManifestUnreadable as error:
        home.problems.set(ProblemKind.NOT_SERVED, str(error))
        raise FinalDriverError(str(error)) from error
    except DaemonHung:
        home.record_silent_daemon()
        raise
    except (OSError, AmbiguousDriverError) as error:
        home.problems.set(ProblemKind.NOT_SERVED, f"{home.id} cannot be served: {error_message(error)}")
        raise BusyDriverError(f"{home.id} cannot be served now: {error_message(error)}") from error
    except (FinalDriverError, BusyDriverError) as error:
        home.problems.set(ProblemKind.NOT_SERVED, error.message)
        raise
    home.problems.clear(ProblemKind.NOT_SERVED)
    home.problems.clear(ProblemKind.DAEMON_SILENT)
    home.needs_recovery = False


def _recover(home: Home) -> None:
    home.manifest = manifest_file.read(home.folder)
    was_alive = home.is_served
    if not was_alive:
        home.forget_daemon()
        was_alive = home.adopt_running_daemon()
        home.has_died |= not was_alive and home.manifest.daemon is not None
    if was_alive:
        home.graph.discard_cached_nodes()
        home.record_daemon()
        _recover_merges_and_flattenings(home)
        _recover_cuts(home)
        if not home.serves_at_configured_address:
            # The operator has configured another address, which needs a new daemon.
            for volume in home.manifest.volumes.values():
                layer_access.refuse_damaged_layers(
                    home, volume.id, volume.backing_of, "its daemon is not ended for another address"
                )
            home.end_daemon()
            was_alive = False
    if not was_alive:
        # Record this before a new daemon starts. If this process dies in between, the next one queries a
        # daemon that it finds alive, and a new daemon would answer that no cut has happened.
        home.save_manifest(
            _manifest_with_recovered_sizes(home, layer_tree.manifest_after_daemon_death(home.manifest)),
            releasing=True,
        )
        home.trace("recovery:after-death")
        # A user that has a file open must not continue with the new daemon, on writes that were lost.
        host_files.end_processes(home)
        stray_cleanup.free_leaked_clusters(home)
        home.start_daemon()
        if home.has_died:
            home.has_died = False
            home.config.incidents.add(
                home.id,
                f"the qemu-storage-daemon of {home.id} ended unexpectedly and was restarted: its clients "
                "were disconnected and must connect again",
            )
    home.trace("recovery:after-settle")
    _recover_resizes(home)
    match_daemon_to_manifest(home)
    host_files.serve_wanted_files(home)
    home.remove_stray_layer_files()
    stray_cleanup.report_unknown_files(home)


def match_daemon_to_manifest(home: Home) -> None:
    """Make the daemon hold exactly the layers and exports that the manifest names.

    A volume that cannot be served is recorded in ``home.problems``. Raises: DriverError.
    """
    _match_exports(home, _match_open_layers(home))


def _recover_merges_and_flattenings(home: Home) -> None:
    """Conclude merges and flattenings, except running ones that are harmless, and dismiss finished jobs."""
    for volume_id in list(home.manifest.volumes):
        merge.recover(home, volume_id)
        flatten.recover(home, volume_id)
    running = {merge_job_id(v.merging) for v in home.manifest.volumes.values() if v.merging is not None}
    for name, job in home.graph.jobs.query_jobs().items():
        if name not in running and job["status"] == "concluded":
            home.graph.jobs.send_job_command("job-dismiss", name)


def _recover_cuts(home: Home) -> None:
    """Query the daemon for which of the intended cuts have happened, and record it."""
    if not home.manifest.cutting:
        return
    nodes = home.graph.nodes()
    for cgsnapshot_id, members in home.manifest.cutting.items():
        overlays = [
            home.manifest.volumes[volume].pending[snapshot].layer for volume, snapshot in members.items()
        ]
        used = [layer for layer in overlays if layer in nodes and nodes[layer].backing is not None]
        if used and len(used) < len(overlays):
            raise FinalDriverError(
                f"the cut of {cgsnapshot_id} is half done: overlays {used} of {overlays} in {home.folder} "
                "are in use. This must not occur: the driver changes nothing there until an operator has "
                "repaired it"
            )
        if used:
            cut = Cut(
                members=tuple(sorted(members.values())),
                evidence=build_evidence(RECOVERED, len(members), None),
            )
            home.save_manifest(
                layer_tree.manifest_after_cut(home.manifest, cgsnapshot_id, cut), releasing=True
            )
        else:
            home.save_manifest(
                layer_tree.manifest_without_cut_intent(home.manifest, cgsnapshot_id), releasing=True
            )


def _manifest_with_recovered_sizes(home: Home, found: Manifest) -> Manifest:
    """Return a manifest in which an interrupted resize is resolved by the size in the leaf's header."""
    for volume in list(found.volumes.values()):
        # A file that has lost data says nothing reliable, and the volume is not served.
        if volume.resizing and layer_access.layer_damage(home, volume, volume.leaf) is None:
            size = qcow2.read_header(home.layer_path(volume.leaf)).size_bytes
            found = found.with_volume(replace(volume, size_bytes=size, resizing=False))
    return found


def _recover_resizes(home: Home) -> None:
    if any(volume.resizing for volume in home.manifest.volumes.values()):
        home.save_manifest(_manifest_with_recovered_sizes(home, home.manifest), releasing=True)


def _match_open_layers(home: Home) -> set[str]:
    """Close unneeded layers and open missing ones; return the volumes of which that failed."""
    graph = home.graph
    nodes = graph.nodes()
    volumes = home.manifest.volumes.values()
    owned = {
        layer for volume in volumes for layer in layer_tree.layers_to_serve(volume, home.layers_being_cloned)
    }
    owned |= {overlay.layer for volume in volumes for overlay in volume.pending.values()}
    export_names = {name for volume in volumes for name in (volume.id, *volume.exported)}
    export_names |= home.clone_exports.keys()
    for name in graph.exports().keys() - export_names:
        graph.remove_export(name)
    # A layer has a higher number than its backing layer, so this closes from the top down.
    for layer in sorted(nodes.keys() - owned, reverse=True):
        graph.close_layer(layer)
    missing: list[LayerToOpen] = []
    owner: dict[int, str] = {}
    broken: dict[str, str] = {}
    for volume in volumes:
        _verify_chain(home, volume, {layer: node.backing for layer, node in nodes.items()})
        owner |= dict.fromkeys(volume.backing_of, volume.id)
        gone = layer_access.damaged_layers(home, volume)
        for one in missing_layers_to_open(volume, home.layers_being_cloned, nodes):
            damaged = [layer for layer in layer_tree.backing_chain(volume, one.layer) if layer in gone]
            if not damaged:
                missing.append(one)
            elif one.layer in volume.chain:
                broken[volume.id] = f"{home.layer_path(damaged[0])} {gone[damaged[0]]}"
        for overlay in volume.pending.values():
            owner[overlay.layer] = volume.id
            # An overlay that is not intact is empty, and the cut makes it again.
            if overlay.layer not in nodes and layer_access.is_intact_overlay(home, overlay.layer):
                missing.append(LayerToOpen(overlay.layer))
    refused = graph.open_layers(missing)
    for layer, refusal in refused.items():
        broken.setdefault(owner[layer], refusal.reason)
    for volume_id in home.manifest.volumes:
        home.problems.clear(ProblemKind.VOLUME_NOT_SERVED, volume_id)
        if volume_id in broken:
            home.problems.set(
                ProblemKind.VOLUME_NOT_SERVED,
                f"volume {volume_id} cannot be served: {broken[volume_id]}. Repair that and connect it, or "
                "delete it",
                volume_id,
            )
    return set(broken)


def _verify_chain(home: Home, volume: VolumeRecord, backing: dict[int, int | None]) -> None:
    """Raises: FinalDriverError, if the daemon's backing layers differ from the manifest's."""
    if volume.merging is not None or volume.flattening is not None:
        return
    for layer, below in volume.backing_of.items():
        if layer in backing and backing[layer] != below:
            raise FinalDriverError(
                f"layer {layer} of volume {volume.id} in {home.folder} has the backing layer "
                f"{backing[layer]}, but {below} in the manifest. This must not occur: the driver changes "
                "nothing there until an operator has repaired it"
            )


def _match_exports(home: Home, broken: set[str]) -> None:
    """Export the leaf of every volume that can be served, and every snapshot recorded as exported."""
    exports, opened = home.graph.exports(), home.graph.nodes()
    for volume in home.manifest.volumes.values():
        if volume.id not in exports and volume.id not in broken:
            home.graph.add_export(volume.id, volume.leaf, writable=True)
        for snapshot in volume.exported:
            # An intact snapshot stays readable, even if the volume has lost a layer above it.
            if snapshot not in exports and volume.bound[snapshot] in opened:
                home.graph.add_export(snapshot, volume.bound[snapshot], writable=False)
