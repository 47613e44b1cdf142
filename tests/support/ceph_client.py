"""A client of volumes, run by the interpreter that has Ceph's bindings; requests and replies are JSON lines.

It is a process separate from the driver's, as a hypervisor is. When ``write`` has returned, the
data is written: there is no cache.
"""

import base64
import contextlib
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import rados
import rbd


class Client:
    def __init__(self, conf: str, pool: str) -> None:
        self.rados = rados.Rados(conffile=conf, name="client.admin", conf={"rbd_cache": "false"})
        self.rados.connect()
        self.io = self.rados.open_ioctx(pool)
        self.lock = threading.Lock()
        self.images = {}

    def image(self, name):
        with self.lock:
            if name not in self.images:
                self.images[name] = rbd.Image(self.io, name)
            return self.images[name]

    def write(self, image, offset, data):
        self.image(image).write(base64.b64decode(data), offset)

    def read(self, image, offset, length):
        return base64.b64encode(self.image(image).read(offset, length)).decode()

    def release(self, image):
        with self.lock:
            held = self.images.pop(image, None)
        if held is not None:
            held.close()

    def features(self, image, enable, names):
        with rbd.Image(self.io, image) as held:
            held.update_features(rbd.RBD().features_from_string(names), enable)

    def group_cut(self, group, snap):
        rbd.Group(self.io, group).create_snap(snap)

    def group_uncut(self, group, snap):
        rbd.Group(self.io, group).remove_snap(snap)

    def group_snaps(self):
        return {
            f"{group}@{snap['name']}": snap["state"]
            for group in rbd.RBD().group_list(self.io)
            for snap in rbd.Group(self.io, group).list_snaps()
        }

    def contents(self):
        """Return all images, snapshots and groups in the pool."""
        found = list(rbd.RBD().group_list(self.io))
        for name in rbd.RBD().list(self.io):
            with rbd.Image(self.io, name, read_only=True) as image:
                found += [name, *(f"{name}@{snap['name']}" for snap in image.list_snaps())]
        return sorted(found)

    def wipe(self):
        """Empty the pool."""
        for name in list(self.images):
            self.release(name)
        for group in rbd.RBD().group_list(self.io):
            for image in list(rbd.Group(self.io, group).list_images()):
                rbd.Group(self.io, group).remove_image(self.io, image["name"])
        for name in rbd.RBD().list(self.io):
            with rbd.Image(self.io, name) as image:
                for snap in list(image.list_snaps()):
                    image.remove_snap_by_id(snap["id"])
        for group in rbd.RBD().group_list(self.io):
            rbd.RBD().group_remove(self.io, group)
        for name in rbd.RBD().list(self.io):
            rbd.RBD().remove(self.io, name)
        for name in ("cgflow", "cgflow.sessions"):
            with contextlib.suppress(rados.ObjectNotFound):
                self.io.remove_object(name)


def main() -> None:
    client, lock = Client(sys.argv[1], sys.argv[2]), threading.Lock()

    def answer(request):
        try:
            said = {"id": request["id"], "value": getattr(client, request["call"])(**request["args"])}
        except Exception as error:  # noqa: BLE001 - sent to the caller
            said = {"id": request["id"], "errno": abs(getattr(error, "errno", 0)), "text": repr(error)}
        with lock:
            print(json.dumps(said), flush=True)

    with ThreadPoolExecutor(32) as pool:
        for line in sys.stdin:
            pool.submit(answer, json.loads(line))


main()
