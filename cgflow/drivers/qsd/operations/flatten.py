"""Shortens a long chain by copying the data of all lower layers into its highest frozen layer.

The copying is a job of the daemon that involves frozen layers only. Writers and cuts continue above
it; snapshots in it are read, exported and deleted. Nothing waits for it, and the home's lock is not
held meanwhile. An operation that has to close those layers stops the job; what was copied is not
copied again.

A crash at any point is safe. The layer receives only data that is read through it anyway, so that
it reads the same with its backing and without. Only after the daemon has flushed everything does
the manifest say that the layer has no backing. From then on only the snapshots in the lower layers
need these, and they are closed (``layer_access``).

A flattening takes the space of the volume's content, once per as many cgsnapshots as the chain may
be long. It is not started if the disk does not have that space.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace

from cgflow.drivers.qsd.home.home import Home
from cgflow.drivers.qsd.model import layer_tree
from cgflow.drivers.qsd.model.records import VolumeRecord
from cgflow.drivers.qsd.operations.layer_access import close_unneeded_layers
from cgflow.drivers.qsd.qemu import block_jobs
from cgflow.drivers.qsd.qemu.qmp_client import CommandRefused
from cgflow.errors import FinalDriverError

MARGIN_BYTES = 64 * 1024**2
"""Free space that must remain for the writers when a flattening starts."""


def start(home: Home, volume_id: str, layer: int) -> None:
    """Start to flatten a frozen layer that is not shared. The caller holds the home.

    Raises: FinalDriverError, if there is not enough space or the daemon refuses; DaemonLost, OSError.
    """
    volume = home.manifest.volumes[volume_id]
    home.refuse_write_to_shared_layer(layer)
    _refuse_without_free_space(home, volume, layer)
    home.save_manifest(home.manifest.with_volume(replace(volume, flattening=layer)), releasing=True)
    home.trace("flatten:after-intent")
    try:
        home.graph.jobs.start_flattening(layer)
    except CommandRefused as refusal:
        home.save_manifest(home.manifest.with_volume(volume), releasing=True)
        raise FinalDriverError(
            f"the chain of volume {volume_id} was not shortened: {refusal.reason}"
        ) from refusal
    home.trace("flatten:after-start")


def interrupt(home: Home, volume_id: str) -> None:
    """Stop a flattening, so that the layers below can be closed. Raises: AmbiguousDriverError, OSError."""
    layer = home.manifest.volumes[volume_id].flattening
    if layer is None:
        return
    job = block_jobs.flattening_job_id(layer)
    with home.graph.client.listen() as events:
        # The job may have ended already: the layer's backing shows which is true.
        with suppress(CommandRefused):
            home.graph.jobs.send_job_command("job-cancel", job)
        home.graph.jobs.wait_for_status(job, (), events)
    record_outcome(home, volume_id)


def recover(home: Home, volume_id: str) -> None:
    """Record a flattening that ended unnoticed; a running one is harmless and continues.

    Raises: AmbiguousDriverError, OSError.
    """
    layer = home.manifest.volumes[volume_id].flattening
    if layer is not None and block_jobs.flattening_job_id(layer) not in home.graph.jobs.query_jobs():
        home.graph.discard_cached_nodes()
        record_outcome(home, volume_id)


def record_outcome(home: Home, volume_id: str) -> None:
    """Record the outcome of a flattening whose job is over, and close the layers no longer served.

    Raises: AmbiguousDriverError, OSError.
    """
    volume = home.manifest.volumes[volume_id]
    below = None if volume.flattening is None else home.graph.nodes()[volume.flattening].backing
    if below is None and volume.flattening is not None:
        home.graph.flush_layer(volume.flattening)
        home.trace("flatten:after-flush")
    after = layer_tree.volume_after_flattening(volume) if below is None else replace(volume, flattening=None)
    home.save_manifest(home.manifest.with_volume(after), releasing=True)
    home.trace("flatten:after-record")
    close_unneeded_layers(home, volume_id)
    home.trace("flatten:after-rest")


def _refuse_without_free_space(home: Home, volume: VolumeRecord, layer: int) -> None:
    """Raises: FinalDriverError, if the disk may not have the space that the flattened layer needs."""
    below = layer_tree.backing_chain(volume, layer)[:-1]
    needed = sum(home.layer_path(under).stat().st_blocks * 512 for under in below)
    room = os.statvfs(home.folder)
    free = room.f_bavail * room.f_frsize
    if free < needed + MARGIN_BYTES:
        raise FinalDriverError(
            f"volume {volume.id} has {len(volume.chain)} layers, and shortening its chain needs {needed} "
            f"bytes; {free} are free: free space in the state directory, or delete snapshots"
        )
