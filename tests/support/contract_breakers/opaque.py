"""Drivers that interpret what a client has written."""

from dataclasses import replace

from tests.support.contract_breakers.base import Broken

_MAGIC = b"QFI\xfb"


class NamesAnotherFormat(Broken):
    breaks = {"test_connection_names_the_format": "must say that the format is raw, not 'qcow2'"}

    def connection(self, volume):
        found = super().connection(volume)
        return replace(found, data={**found.data, "format": "qcow2"})


class Believes(Broken):
    """Replaces a volume's content by what an image header in it describes, which is zeros here."""

    def probe(self, volume_id):
        content = self._state.volumes[volume_id].content
        if content.read(0, 4) == _MAGIC:
            content.write(0, bytes(4096))


class BelievesWhatItClones(Believes):
    breaks = {
        "test_content_that_looks_like_an_image_is_copied": "a clone holds what the copy holds: the header"
    }

    def clone_volume(self, volume, source):
        super().clone_volume(volume, source)
        self.probe(volume.id)


class BelievesWhatItRestores(Believes):
    breaks = {
        "test_content_that_looks_like_an_image_is_restored": "a restored volume holds what the copy holds"
    }

    def restore(self, restore_id, snapshots):
        super().restore(restore_id, snapshots)
        for snapshot in snapshots:
            self.probe(snapshot.volume_id)


class BelievesWhatItMoves(Believes):
    breaks = {
        "test_content_that_looks_like_an_image_is_moved_and_extended": "a volume holds what was written"
    }

    def move_volume(self, volume, group_id):
        super().move_volume(volume, group_id)
        self.probe(volume.id)
