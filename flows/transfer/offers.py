"""Offer a volume, withdraw the offer, or accept it: then volume, snapshots and quota change the project."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from sqlalchemy.orm import Session

from cgflow import records
from cgflow.context import RequestContext
from cgflow.db.repositories import snapshot as snapshots
from cgflow.db.repositories import transfer as transfers
from cgflow.db.repositories import volume as volumes
from cgflow.db.repositories import volume_type
from cgflow.errors import Busy, InvalidInput, InvalidState
from cgflow.quota import reservations
from cgflow.quota.deltas import charges_by_project
from cgflow.status import Status
from flows.acceptance import new_id
from flows.attachment.preconditions import lock_unclaimed_volume
from flows.runtime import Runtime


def create(
    runtime: Runtime, context: RequestContext, *, volume_id: str, name: str | None, no_snapshots: bool
) -> tuple[str, str]:
    """Offer a volume; return the offer's id and the key that accepts it. The key is not shown again.

    Raises: NotFound, Busy; InvalidState, if the volume is a member of a group or not ``available``.
    """
    key, salt, transfer_id = secrets.token_hex(16), secrets.token_hex(16), new_id()
    with runtime.database.write() as session:
        volume = lock_unclaimed_volume(session, context, volume_id)
        if volume.status is not Status.AVAILABLE:
            raise InvalidState(
                f"Invalid volume: status must be available to be transferred, but it is {volume.status}."
            )
        if volume.consistencygroup_id is not None:
            raise InvalidState(
                "Invalid volume: Volume must not be part of a consistency group to be transferred: "
                f"it is in {volume.consistencygroup_id}."
            )
        dependent = _transferable_snapshots(session, volume)
        if no_snapshots and dependent:
            raise InvalidState(
                f"Invalid volume: Volume {volume.id} has snapshots, which must have the same project. "
                "Delete them, or transfer them as well."
            )
        transfers.close_offers_of(session, [volume.id])
        transfers.add(
            session,
            id=transfer_id,
            volume_id=volume.id,
            name=name,
            project_id=volume.project_id,
            salt=salt,
            key_hash=_hash_auth_key(key, salt),
            no_snapshots=no_snapshots,
        )
        volumes.REPOSITORY.update_unclaimed(session, volume.id, status=Status.AWAITING_TRANSFER.value)
    return transfer_id, key


def delete(runtime: Runtime, context: RequestContext, transfer_id: str) -> None:
    """Withdraw an offer, whatever the state of its volume. Raises: NotFound, Busy."""
    with runtime.database.write() as session:
        transfer = transfers.get(session, transfer_id, context.scope)
        volume = _lock_offered_volume(session, transfer)
        transfers.close(session, transfer.id)
        if volume is not None:
            volumes.REPOSITORY.update_unclaimed(session, volume.id, status=Status.AVAILABLE.value)


def accept(runtime: Runtime, context: RequestContext, transfer_id: str, *, auth_key: str) -> records.Transfer:
    """Accept an offer for the caller's project. The volume and all its snapshots are transferred, or nothing.

    Raises: NotFound; InvalidInput, if the key is wrong; InvalidState; Busy; QuotaExceeded.
    """
    with runtime.database.write() as session:
        transfer = transfers.get(session, transfer_id, None)
        if not hmac.compare_digest(_hash_auth_key(auth_key, transfer.salt), transfer.key_hash):
            raise InvalidInput(
                f"Invalid auth key: Attempt to transfer {transfer_id} with invalid auth key.", "auth_key"
            )
        volume = _lock_offered_volume(session, transfer)
        if volume is None:
            raise InvalidState(
                f"Invalid volume: Volume {transfer.volume_id} is no longer {Status.AWAITING_TRANSFER}, or "
                f"does not belong to project {transfer.project_id}, which offered it. Ask for another offer."
            )
        dependent = _transferable_snapshots(session, volume)
        _check_type_access(session, context, volume, dependent)
        charges = charges_by_project(
            [volume, *dependent], no_snapshot_gb_quota=runtime.settings.no_snapshot_gb_quota
        )
        for project_id, deltas in sorted(charges.items()):
            reservations.move_usage(session, project_id, context.project_id, deltas)
        owner = {"project_id": context.project_id, "user_id": context.user_id}
        for one in dependent:
            snapshots.REPOSITORY.update_unclaimed(session, one.id, **owner)
        transfers.close(session, transfer.id, context.project_id)
        volumes.REPOSITORY.update_unclaimed(session, volume.id, status=Status.AVAILABLE.value, **owner)
    return transfer


def _lock_offered_volume(session: Session, transfer: records.Transfer) -> records.Volume | None:
    """Return the volume of an offer, locked; None if it no longer awaits transfer or has another owner.

    Raises: NotFound, if the offer ended while this call waited for the lock.
    """
    volume = volumes.lock_if_living(session, transfer.volume_id)
    transfers.get(session, transfer.id, None)
    if volume is None or volume.status is not Status.AWAITING_TRANSFER:
        return None
    return volume if volume.project_id == transfer.project_id else None


def _transferable_snapshots(session: Session, volume: records.Volume) -> list[records.Snapshot]:
    """Return the snapshots of a volume. Raises: Busy; InvalidState, if one is part of a cgsnapshot."""
    found = snapshots.of_volumes(session, [volume.id])
    for one in found:
        if one.claimed_by is not None:
            raise Busy(snapshots.REPOSITORY.busy_message(session, one.id, one.claimed_by))
        if one.cgsnapshot_id is not None:
            raise InvalidState(
                f"Invalid volume: Snapshot {one.id} of volume {volume.id} is part of cgsnapshot "
                f"{one.cgsnapshot_id}, so it cannot be transferred alone. Delete the cgsnapshot first."
            )
    return found


def _check_type_access(
    session: Session, context: RequestContext, volume: records.Volume, dependent: list[records.Snapshot]
) -> None:
    """Raise InvalidState if the project may not use the type of the volume or of one of its snapshots.

    A snapshot keeps the type that its volume had.
    """
    used_types = [("volume", volume.id, volume.volume_type_id)]
    used_types += [("snapshot", one.id, one.volume_type_id) for one in dependent]
    for noun, id_, type_id in used_types:
        if type_id is None or context.is_admin or volume_type.is_usable(session, type_id, context.project_id):
            continue
        raise InvalidState(
            f"Invalid volume: Project {context.project_id} may not use the private volume type of {noun} "
            f"{id_}. Ask an administrator for access to the type."
        )


def _hash_auth_key(key: str, salt: str) -> str:
    return hashlib.scrypt(key.encode(), salt=salt.encode(), n=2**12, r=8, p=1).hex()
