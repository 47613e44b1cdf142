"""Recovery of interrupted operations: undone where possible, completed otherwise.

The same code serves a call that fails, a normal removal, and a process that starts after a crash at any
point. Each function examines the disk, does what is left to do, and returns the event that ends the intent.
"""

from __future__ import annotations

from collections.abc import Callable

from cgflow.drivers.btrfs.layout import Layout, remove_files
from cgflow.drivers.btrfs.state import Intent, State
from cgflow.drivers.contract import JSON

CREATE_GROUP, DELETE_GROUP = "creating a group", "deleting a group"
CREATE_VOLUME, DELETE_VOLUME = "creating a volume", "deleting a volume"
RESIZE, CUT, DELETE_SNAPSHOT = "resizing a volume", "the cut", "deleting a snapshot"
MOVE, FINISH_MOVE = "moving a volume", "tidying up after a move"
RESTORE, UNDO_RESTORE, FINISH_RESTORE = "a restore", "undoing a restore", "finishing a restore"


def recover_intent(layout: Layout, state: State, intent: Intent) -> JSON:
    """Complete or undo the operation of an intent; return the event that records it. Raises: OSError."""
    event = _RECOVERY_FUNCTIONS[intent.what](layout, state, intent)
    layout.trace(f"settled:{intent.what}")
    return {**event, "ends": intent.key}


def _remove_home(layout: Layout, state: State, intent: Intent) -> JSON:
    del state
    layout.remove_home(intent.homes[0])
    return {"do": "group_gone", "id": intent.homes[0]}


def _remove_volume(layout: Layout, state: State, intent: Intent) -> JSON:
    volume_id, home = str(intent.about["volume"]), intent.homes[0]
    if home in state.groups:
        remove_files(layout.volume_file(home, volume_id), layout.previous_content_file(home, volume_id))
    else:
        layout.remove_home(home)
    return {"do": "volume_gone", "id": volume_id}


def _read_volume_size(layout: Layout, state: State, intent: Intent) -> JSON:
    """Return the size of the file: an interrupted resize has either happened or not."""
    del state
    volume_id = str(intent.about["volume"])
    return {
        "do": "size",
        "id": volume_id,
        "size_bytes": layout.volume_file(intent.homes[0], volume_id).stat().st_size,
    }


def _remove_cut(layout: Layout, state: State, intent: Intent) -> JSON:
    """Remove an unreported cut. If it is requested again, its instant must lie after that request."""
    del state
    layout.prune_cut(intent.homes[0], str(intent.about["cgsnapshot"]), ())
    return {"do": "give_up"}


def _remove_snapshot(layout: Layout, state: State, intent: Intent) -> JSON:
    copy = state.snapshots[str(intent.about["copy"])]
    layout.unlink_export(copy.spec.id)
    if copy.size_bytes is not None:
        others = state.snapshots_in_cut(copy.home, copy.spec.cgsnapshot_id)
        left = [other.spec.volume_id for other in others if other.spec.id != copy.spec.id]
        layout.prune_cut(copy.home, copy.spec.cgsnapshot_id, left)
    return {"do": "copy_gone", "id": copy.spec.id}


def _undo_move(layout: Layout, state: State, intent: Intent) -> JSON:
    """Undo a move that was not recorded: empty the target, and put the volume back where it was."""
    volume_id = str(intent.about["volume"])
    source, target = str(intent.about["source"]), str(intent.about["target"])
    remove_files(layout.volume_file(target, volume_id))
    for cut in intent.about["cuts"]:
        layout.prune_cut(target, cut, [copy.spec.volume_id for copy in state.snapshots_in_cut(target, cut)])
    if target not in state.groups:
        layout.remove_home(target)
    moving_out_file = layout.moving_out_file(source, volume_id)
    if moving_out_file.exists():
        moving_out_file.replace(layout.volume_file(source, volume_id))
    return {"do": "give_up"}


def _finish_move(layout: Layout, state: State, intent: Intent) -> JSON:
    """Complete a move that was recorded: clean up the source, and point exports to the new place."""
    volume_id, source = str(intent.about["volume"]), str(intent.about["source"])
    for copy in state.snapshots_of(volume_id):
        if copy.is_exported:
            layout.link_export(
                copy.spec.id, layout.snapshot_file(copy.home, copy.spec.cgsnapshot_id, volume_id)
            )
    if source in state.groups:
        remove_files(layout.moving_out_file(source, volume_id))
        for cut in intent.about["cuts"]:
            layout.prune_cut(
                source, cut, [copy.spec.volume_id for copy in state.snapshots_in_cut(source, cut)]
            )
    else:
        layout.remove_home(source)
    return {"do": "give_up"}


def _undo_interrupted_restore(layout: Layout, state: State, intent: Intent) -> JSON:
    """Undo an interrupted restore.

    Before the first member is changed, the previous content of all members is kept. If some of it is missing,
    no member was changed.
    """
    del state
    _put_previous_files_back(layout, intent)
    return {"do": "give_up"}


def _undo_restore(layout: Layout, state: State, intent: Intent) -> JSON:
    del state
    _put_previous_files_back(layout, intent)
    return {"do": "settled", "id": intent.about["restore"]}


def _put_previous_files_back(layout: Layout, intent: Intent) -> None:
    """Put the kept files back. Clients that have the replaced file open are cut off from the volume."""
    home = intent.homes[0]
    for volume_id in intent.about["volumes"]:
        remove_files(layout.live_subvolume(home) / "new" / volume_id)
        if layout.previous_content_file(home, volume_id).exists():
            layout.previous_content_file(home, volume_id).replace(layout.volume_file(home, volume_id))
            layout.trace("undo:after-rename")
    layout.sync_live(home)


def _discard_previous_content(layout: Layout, state: State, intent: Intent) -> JSON:
    del state
    remove_files(
        *(layout.previous_content_file(intent.homes[0], volume_id) for volume_id in intent.about["volumes"])
    )
    return {"do": "settled", "id": intent.about["restore"]}


_RECOVERY_FUNCTIONS: dict[str, Callable[[Layout, State, Intent], JSON]] = {
    CREATE_GROUP: _remove_home,
    DELETE_GROUP: _remove_home,
    CREATE_VOLUME: _remove_volume,
    DELETE_VOLUME: _remove_volume,
    RESIZE: _read_volume_size,
    CUT: _remove_cut,
    DELETE_SNAPSHOT: _remove_snapshot,
    MOVE: _undo_move,
    FINISH_MOVE: _finish_move,
    RESTORE: _undo_interrupted_restore,
    UNDO_RESTORE: _undo_restore,
    FINISH_RESTORE: _discard_previous_content,
}
