"""The bare mechanism of Ceph: a group of images and its snapshots, without metadata."""

import rados
import rbd

GIB = 1 << 30


class Calls:
    """The calls on a pool."""

    def connect(self, conf, pool, user):
        """Connect to a pool."""
        self._rados = rados.Rados(conffile=conf, name=f"client.{user}", conf={"rbd_cache": "false"})
        self._rados.connect()
        self._io = self._rados.open_ioctx(pool)

    def make(self, group, images):
        """Create a group of images."""
        rbd.RBD().group_create(self._io, group)
        self._group = rbd.Group(self._io, group)
        for image in images:
            rbd.RBD().create(self._io, image, GIB, old_format=False)
            self._group.add_image(self._io, image)

    def cut(self, snap):
        """Take a group snapshot."""
        self._group.create_snap(snap)

    def copies(self, images, snap):
        """Return the ids of the image snapshots that make up a group snapshot."""
        return [self._part(image, snap) for image in images]

    def _part(self, image, snap):
        with rbd.Image(self._io, image, read_only=True) as held:
            parts = [
                one["id"] for one in held.list_snaps() if (one.get("group") or {}).get("snap_name") == snap
            ]
        (part,) = parts
        return part
