"""Attachments as resources of their own: reserve a volume, connect to it, complete and delete."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy.orm import Session

from cgflow import clock, records
from cgflow.context import RequestContext
from cgflow.db.repositories import attachment as attachments
from cgflow.db.repositories import volume as volumes
from cgflow.drivers.contract import Connection
from cgflow.status import AttachmentStatus, Status, status_from_attachments
from flows.acceptance import new_id
from flows.attachment import preconditions
from flows.runtime import Runtime

Connector = dict[str, object]


def create(
    runtime: Runtime,
    context: RequestContext,
    *,
    volume_id: str,
    instance_id: str | None,
    mode: str,
    connector: Connector,
    connection: Connection | None,
) -> str:
    """Reserve a volume for a server, or for any client; return the attachment's id.

    With a connection, the attachment starts as ``attaching``, because its client is already
    connecting.

    Raises: NotFound, Busy, InvalidState.
    """
    with runtime.database.write() as session:
        volume = preconditions.lock_unclaimed_volume(session, context, volume_id)
        preconditions.check_attachable(volume, instance_id)
        preconditions.check_attach_mode(volume, mode)
        attachment_id = new_id()
        columns = _connection_columns(connector, connection) if connection else {}
        stage = AttachmentStatus.ATTACHING if connection else AttachmentStatus.RESERVED
        attachments.add(
            session,
            id=attachment_id,
            volume_id=volume.id,
            project_id=volume.project_id,
            status=stage.value,
            instance_id=instance_id,
            mode=mode,
            **columns,
        )
        update_volume_status(session, volume.id)
    return attachment_id


def connect(
    runtime: Runtime,
    context: RequestContext,
    attachment_id: str,
    connector: Connector,
    connection: Connection,
) -> None:
    """Record the connector of an attachment and the address that it was given. Raises: NotFound, Busy.

    A completed attachment stays so: its client has requested the address again.
    """
    with runtime.database.write() as session:
        attachment = attachments.get(session, attachment_id, context.scope)
        preconditions.lock_unclaimed_volume(session, context, attachment.volume_id)
        is_attached = attachment.status is AttachmentStatus.ATTACHED
        stage = attachment.status if is_attached else AttachmentStatus.ATTACHING
        attachments.update_status(session, attachment.id, stage, **_connection_columns(connector, connection))
        update_volume_status(session, attachment.volume_id)


def complete(runtime: Runtime, context: RequestContext, attachment_id: str) -> None:
    """Record that the volume is in use, at any stage of the attachment. Raises: NotFound, Busy."""
    with runtime.database.write() as session:
        attachment = attachments.get(session, attachment_id, context.scope)
        preconditions.lock_unclaimed_volume(session, context, attachment.volume_id)
        if attachment.status is AttachmentStatus.ATTACHED:
            return
        attachments.update_status(session, attachment.id, AttachmentStatus.ATTACHED, attached_at=clock.now())
        update_volume_status(session, attachment.volume_id)


def delete(runtime: Runtime, context: RequestContext, attachment_id: str) -> list[records.Attachment]:
    """Delete an attachment; return the remaining attachments of the volume. Raises: NotFound, Busy."""
    with runtime.database.write() as session:
        attachment = attachments.get(session, attachment_id, context.scope)
        preconditions.lock_unclaimed_volume(session, context, attachment.volume_id)
        attachments.delete(session, attachment.id)
        update_volume_status(session, attachment.volume_id)
        return attachments.of_volume(session, attachment.volume_id)


def update_volume_status(session: Session, volume_id: str) -> None:
    """Set a volume's status according to its attachments; keep an error status. Raises: Busy."""
    volume = volumes.get(session, volume_id, None)
    if volume.status is Status.AVAILABLE or volume.status in preconditions.ATTACHMENT_STATUSES:
        status = status_from_attachments(attachments.of_volume(session, volume_id))
        volumes.REPOSITORY.update_unclaimed(session, volume_id, status=status.value)


def _connection_columns(connector: Connector, connection: Connection) -> dict[str, object]:
    return {
        "connector": connector,
        "host_name": _text_or_none(connector.get("host")),
        # Clients of Cinder expect this value where a connector names no mount point.
        "mountpoint": _text_or_none(connector.get("mountpoint")) or "na",
        "connection_info": asdict(connection),
    }


def _text_or_none(value: object) -> str | None:
    return value[:255] if isinstance(value, str) and value else None
