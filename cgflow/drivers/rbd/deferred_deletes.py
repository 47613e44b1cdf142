"""Objects that must outlive their deletion because a group snapshot needs them, and their final removal."""

from __future__ import annotations

from cgflow.drivers.rbd import names
from cgflow.drivers.rbd.base import RbdBase
from cgflow.drivers.rbd.records import CutRecord, DeletedImageRecord, GroupRecord


class DeferredDeletes(RbdBase):
    """Empty images of deleted volumes, and deleted groups with snapshots of volumes that moved away."""

    def _remove_deferred(self) -> None:
        """Remove the deleted objects that no group snapshot needs any more."""
        with self._locks.hold("sweep"):
            images = self._records.all(DeletedImageRecord, DeletedImageRecord.key(""))
            groups = self._records.all(GroupRecord, GroupRecord.key(""))
            gone = [id for id, group in groups.items() if group.is_gone]
            if images or gone:
                self._remove_unneeded(images, gone)

    def _remove_unneeded(self, images: dict[str, DeletedImageRecord], groups: list[str]) -> None:
        cuts = self._records.all(CutRecord, CutRecord.key(""))
        for image, record in images.items():
            if not any(cut in cuts for cut in record.cuts):
                self._session.call("image_remove", name=image)
                self._records.write({}, [DeletedImageRecord.key(image)])
        for group_id in groups:
            if not any(cut.group == group_id for cut in cuts.values()):
                self._session.call("group_remove", group=names.group(group_id))
                self._records.write({}, [GroupRecord.key(group_id)])
