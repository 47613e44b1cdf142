"""What has to stay for a while after it was deleted, because a group snapshot needs it, and when it goes."""

from __future__ import annotations

from cgflow.drivers.rbd import names
from cgflow.drivers.rbd.pool import Pool
from cgflow.drivers.rbd.records import CutRecord, GoneRecord, GroupRecord


class Leftovers(Pool):
    """Empty images of deleted volumes, and deleted groups whose snapshots hold copies that moved away."""

    def _sweep(self) -> None:
        """Remove the empty images that no group snapshot counts among its images any more."""
        with self._locks.hold("sweep"):
            self._sweep_alone()

    def _sweep_alone(self) -> None:
        gone = self._records.all(GoneRecord, GoneRecord.key(""))
        wanted = {CutRecord.key(cut) for record in gone.values() for cut in record.cuts}
        there = self._records.read(CutRecord, wanted) if wanted else {}
        for image, record in gone.items():
            if not any(CutRecord.key(cut) in there for cut in record.cuts):
                self._session.call("image_remove", name=image)
                self._records.write({}, [GoneRecord.key(image)])

    def _forget_group(self, group_id: str) -> None:
        """Remove a group that was deleted, unless it still has group snapshots."""
        key = GroupRecord.key(group_id)
        found = self._records.find(GroupRecord, key)
        if found is None or not found.is_gone:
            return
        cuts = self._records.all(CutRecord, CutRecord.key(""))
        if not any(cut.group == group_id for cut in cuts.values()):
            self._session.call("group_remove", group=names.group(group_id))
            self._records.write({}, [key])
